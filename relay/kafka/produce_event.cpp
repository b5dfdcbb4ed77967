#include "kafka/produce_event.h"

#include "base/log_fields.h"
#include "kafka/statistics.h"

#include <cstdlib>

namespace outbox {
namespace {

constexpr int64_t minute_ms = 60 * 1000, hour_ms = 60 * minute_ms;
constexpr int64_t forgotten_after_ms = 12 * hour_ms;

} // namespace

int64_t now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

KafkaProducer::Outcome EventProducer::produce(KafkaProducer &producer, const Event &event, int64_t commit_time_ms, Chunk &chunk,
                                              Entry &entry, size_t &cost) {
    EventPosition position{chunk.commit(), event.ordinal};
    entry.topic = target_.learned.tallies->topics.number_of(event.topic);
    while (!target_.learned.quarantine.stops_at(position)) {
        entry.form = target_.learned.quarantine.form_of(position, event.id);
        KafkaRecord record = maker_.make(event, entry.form, commit_time_ms, chunk, target_, source_);
        cost = record.cost_bytes;
        if (record.topic.size() > RecordStyle::topic_max) { // the text around {topic} in --topic-template counts
            target_.learned.quarantine.refused(position, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION);
            continue;
        }
        entry.bytes = static_cast<uint32_t>(record.bytes);
        const SizeLimits &limits = target_.learned.size_limits;
        if (!limits.empty() && !producer.compresses() && limits.is_beyond(record.topic, batch_bytes(entry.bytes), Clock::now())) {
            target_.learned.quarantine.refused(position, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
            continue;
        }
        KafkaProducer::Outcome outcome = producer.produce(record, &entry);
        if (outcome == KafkaProducer::Outcome::failed)
            topic_ = record.topic;
        if (outcome != KafkaProducer::Outcome::refused)
            return outcome;
        target_.learned.quarantine.refused(position, producer.error());
    }
    return KafkaProducer::Outcome::refused;
}

void EventProducer::settled(const Entry &entry) {
    if (entry.form == Form::event)
        return target_.learned.tallies->topics.delivered(entry.topic, entry.bytes);
    const Quarantine::Refusal *refusal = target_.learned.quarantine.find(entry.position());
    Event event = entry.event();
    bool is_skip = entry.form == Form::note;
    std::string_view topic = target_.style.topic(event.topic, topic_);
    say(spdlog::level::warn,
        {.event = LogEvent::event_set_aside, .topic = std::string(topic), .id = std::string(event.id), .lsn = format_lsn(entry.commit())},
        "event {} of topic \"{}\", transaction {}, is not delivered but noted in topic \"{}\"{}: {}", event.id, topic,
        format_lsn(entry.commit()), is_skip ? target_.state_topic : target_.dead_letter_topic,
        entry.form == Form::bare_letter              ? ", without its key, headers and payload"
        : entry.form == Form::letter_without_payload ? ", without its payload"
                                                     : "",
        is_skip              ? "skipped by an operator"
        : refusal == nullptr ? "refused"
                             : rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(refusal->error)));
    target_.learned.set_aside_count++;
    target_.learned.tallies->set_aside.add(std::string(event.topic),
                                           is_skip              ? "skipped"
                                           : refusal == nullptr ? "refused"
                                                                : rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(refusal->error)));
    target_.learned.quarantine.settled(entry.position(), entry.form);
}

// Counts the error of a delivery report. A record that the relay takes back itself has none.
void note_delivery_error(rd_kafka_resp_err_t error, KafkaTarget &target) {
    if (!is_purged(error))
        target.learned.tallies->delivery_errors.add(rd_kafka_err2name(error));
}

void note_statistics(std::string_view json, KafkaTarget &target) {
    if (std::optional<KafkaFigures> figures = parse_statistics(json))
        target.learned.tallies->kafka.set(std::move(*figures));
}

PoisonedEvent poisoned(const Event &event, Lsn end, int64_t commit_time_ms, const KafkaTarget &target) {
    const Quarantine::Refusal *refusal = target.learned.quarantine.find({end, event.ordinal});
    return PoisonedEvent(refusal_text(event, end, commit_time_ms, refusal == nullptr ? Quarantine::Refusal{} : *refusal, target, now_ms()));
}

std::string clock_fault(const Entry &entry, const Source &source, int64_t now_ms) {
    if (entry.form != Form::event) // a dead letter's or note's record has the time of now
        return ". This machine's clock and the brokers' differ: set them right";
    int64_t age_ms = now_ms - entry.commit_time_ms;
    if (age_ms < -minute_ms)
        return fmt::format(". PostgreSQL's clock is {} ahead of this machine's: set the clocks right, or let the topic's "
                           "message.timestamp.after.max.ms allow it",
                           duration_text(age_ms));
    if (source.clock_ahead_ms < -minute_ms && -source.clock_ahead_ms >= age_ms / 2)
        return fmt::format(". PostgreSQL's clock is {} behind this machine's: set the clocks right, or let the topic's "
                           "message.timestamp.before.max.ms allow it",
                           duration_text(source.clock_ahead_ms));
    return "";
}

void note_too_large(const RefusedBatch &batch, size_t made_with, KafkaTarget &target) {
    auto now = Clock::now();
    target.learned.size_limits.refused(batch.first().topic, batch.bytes(), batch.records.size(), made_with, now);
    if (batch.records.size() > 1)
        spdlog::warn("Kafka refuses a batch of {} records of topic \"{}\", {} bytes: {}; batches have at most {} bytes from now on",
                     batch.records.size(), batch.first().topic, batch.bytes(), rd_kafka_err2str(batch.first().error),
                     target.learned.size_limits.batch_bytes(now));
}

bool is_forgotten_at_once(int64_t commit_time_ms, int64_t now_ms, bool was) {
    return now_ms - commit_time_ms > (was ? forgotten_after_ms - hour_ms : forgotten_after_ms);
}

void judge_alone(const Refused &refused, const Source &source, KafkaTarget &target, GroupLimit &groups, Suspicion &suspicion) {
    std::string why = refused.error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ? clock_fault(*refused.entry, source, now_ms()) : "";
    bool is_guilty = blame_of(refused.error) == Blame::content && why.empty();
    if (!is_guilty && !suspicion.refused_again(refused, why, Clock::now()))
        return;
    groups.found();
    target.learned.quarantine.refused(refused.entry->position(), refused.error);
    if (suspicion.is_about(refused.entry->position()))
        suspicion.forget();
}

} // namespace outbox
