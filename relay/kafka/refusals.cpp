#include "kafka/refusals.h"

namespace outbox {

void Refusals::accepted(EventPosition position) {
    if (suspicion_.is_about(position))
        suspicion_.clear();
    groups_.accepted(1);
}

void Refusals::judge(const std::vector<Refused> &refused, bool was_alone, KafkaProducer *producer) {
    if (was_alone)
        return judge_lone(refused.front(), producer);
    size_t made_with = target_.learned.size_limits.batch_bytes(Clock::now());
    for (const RefusedBatch &batch : batches_of(refused))
        judge_batch(batch, made_with);
}

void Refusals::judge_lone(const Refused &refused, KafkaProducer *producer) {
    if (is_about_size(refused.error))
        note_too_large({{&refused}}, 0, target_);
    if (blame_of(refused.error) == Blame::topic && producer != nullptr)
        producer->forget_topic(refused.topic);
    judge_alone(refused, source_, target_, groups_, suspicion_);
}

void Refusals::judge_batch(const RefusedBatch &batch, size_t made_with) {
    const Refused &first = batch.first();
    if (batch.is_too_large())
        note_too_large(batch, made_with, target_);
    if (blame_of(first.error) == Blame::topic) {
        suspicion_.raise(first.entry->position());
    } else if (batch.is_told_apart()) {
        for (const Refused *each : batch.records)
            if (!is_innocent(each->error))
                note_guilty(*each);
    } else if (!batch.is_too_large()) {
        if (!groups_.stands())
            spdlog::warn("Kafka refuses a batch of {} records of topic \"{}\": {}; looking for the event to blame", batch.records.size(),
                         first.topic, rd_kafka_err2str(first.error));
        groups_.refused(batch.records.size());
    }
}

void Refusals::note_guilty(const Refused &refused) {
    bool may_pass = blame_of(refused.error) == Blame::unknown ||
                    (refused.error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP && !clock_fault(*refused.entry, source_, now_ms()).empty());
    if (may_pass)
        suspicion_.raise(refused.entry->position());
    else
        target_.learned.quarantine.refused(refused.entry->position(), refused.error);
}

} // namespace outbox
