#include "kafka/examination.h"

#include <algorithm>
#include <utility>

namespace outbox {

void Examination::refused(Entry &entry, rd_kafka_resp_err_t error, const std::string &topic, uint64_t report) {
    refused_.push_back({&entry, error, topic, report});
    entry.state = Entry::State::queued;
}

void Examination::accepted(const Entry &entry) {
    groups_.accepted(1);
    if (suspicion_.is_about(entry.position()))
        suspicion_.clear();
}

// Judges the refused records. Where a Kafka transaction fails as a whole and Kafka names no record, the records that were on their way
// count as one refused batch.
bool Examination::judge(Batch &batch, rd_kafka_resp_err_t error, const Care &care, KafkaProducer &producer) {
    std::vector<Refused> refused = std::exchange(refused_, {});
    bool is_of_all = refused.empty() && blame_of(error) != Blame::operation;
    for (size_t i = 0; i < batch.size(); i++) {
        Entry &entry = batch[i];
        if (entry.state != Entry::State::in_flight)
            continue;
        entry.state = Entry::State::queued;
        if (is_of_all)
            refused.push_back({&entry, error, "", 0});
    }
    if (refused.empty())
        return false;
    if (!is_running_ && std::exchange(was_run_, true))
        batch.let_nothing_in(); // otherwise each refusal among later events would have all events before written once more
    is_running_ = true;
    size_t made_with = target_.learned.size_limits.batch_bytes(Clock::now());
    for (const RefusedBatch &each : batches_of(refused))
        judge_batch(each, made_with, care, producer);
    return true;
}

void Examination::judge_batch(const RefusedBatch &batch, size_t made_with, const Care &care, KafkaProducer &producer) {
    const Refused &first = batch.first();
    if (batch.is_too_large())
        note_too_large(batch, made_with, target_);
    if (care.each_alone || batch.is_told_apart()) {
        for (const Refused *each : batch.records)
            if (!is_innocent(each->error))
                judge_lone(*each, producer);
    } else if (blame_of(first.error) == Blame::topic && !first.topic.empty()) {
        suspicion_.raise(first.entry->position());
    } else if (!batch.is_too_large()) {
        if (!groups_.stands())
            spdlog::warn("Kafka refuses {} records with \"{}\"; looking for the event to blame", batch.records.size(),
                         rd_kafka_err2str(first.error));
        groups_.refused(batch.records.size());
    }
}

void Examination::judge_lone(const Refused &refused, KafkaProducer &producer) {
    if (blame_of(refused.error) == Blame::topic && !refused.topic.empty())
        producer.forget_topic(refused.topic);
    judge_alone(refused, source_, target_, groups_, suspicion_);
}

// Divides the batch at an event that stops the stream, or that has to wait. Called only when nothing is in flight, since librdkafka may be
// sending from the chunks that cut() releases.
void Examination::divide(Batch &batch) {
    batch.set_part(batch.size());
    is_divided_ = false;
    for (size_t i = 0; i < batch.size(); i++) {
        const Entry &entry = batch[i];
        if (target_.learned.quarantine.stops_at(entry.position())) {
            if (!stops())
                stop_at(entry.event(), entry.commit(), entry.commit_time_ms);
            return batch.cut(i);
        }
        if (suspicion_.is_about(entry.position())) {
            is_divided_ = true;
            return batch.set_part(std::max<size_t>(i, 1));
        }
    }
}

void Examination::committed(bool has_rest) {
    is_running_ = std::exchange(is_divided_, false) && has_rest;
    was_run_ = false;
}

void Examination::end() {
    is_running_ = false;
    groups_.end();
}

size_t Examination::limit_at(EventPosition position, const Care &care) const {
    if (suspicion_.is_about(position))
        return 1;
    return care.each_alone ? alone_in_flight_max : groups_.limit();
}

void Examination::stop_at(const Event &event, Lsn transaction, int64_t commit_time_ms) {
    poison_ = poisoned(event, transaction, commit_time_ms, target_);
}

void Examination::forget() {
    refused_.clear();
    groups_.end();
    suspicion_.forget();
    poison_.reset();
    is_running_ = was_run_ = false;
}

} // namespace outbox
