// What the two Kafka sinks have in common: an event goes to the producer in the form that the quarantine knows for it.
// Tested by test/unit/at_least_once_refusals_test.cpp and test/unit/exactly_once_sink_test.cpp.
#pragma once

#include "core/entry.h"
#include "core/group_limit.h"
#include "kafka/producer.h"
#include "kafka/suspicion.h"

namespace outbox {

// Since 1970, by the clock of the wall, which is what Kafka compares a record's time with.
int64_t now_ms();

class EventProducer {
public:
    EventProducer(KafkaTarget &target, const Source &source) : target_(target), source_(source) {}

    // The entry is the record's opaque and gets its form. Refused: no form is left; the quarantine knows why.
    // `cost` is the record's memory beside the chunk.
    KafkaProducer::Outcome produce(KafkaProducer &producer, const Event &event, int64_t commit_time_ms, Chunk &chunk, Entry &entry,
                                   size_t &cost);

    const std::string &topic() const { return topic_; } // of the record that was produced last

    // The entry's record is safe.
    void settled(const Entry &entry);

private:
    KafkaTarget &target_;
    const Source &source_;
    RecordMaker maker_;
    std::string topic_;
};

// What the status counts: an error of a delivery report, and what librdkafka says of itself.
void note_delivery_error(rd_kafka_resp_err_t error, KafkaTarget &target);
void note_statistics(std::string_view json, KafkaTarget &target);

PoisonedEvent poisoned(const Event &event, Lsn end, int64_t commit_time_ms, const KafkaTarget &target);

// Why the brokers refuse the event's time, where a clock is to blame and not the event; empty: the event is too old, or too new.
std::string clock_fault(const Entry &entry, const Source &source, int64_t now_ms);

// A record was refused while it was alone. The quarantine knows its event from then on where the event is to blame, at once for its content
// and otherwise when the suspicion has lasted; an event that waits for a topic or a clock stays suspected.
void judge_alone(const Refused &refused, const Source &source, KafkaTarget &target, GroupLimit &groups, Suspicion &suspicion);

// Kafka refuses a batch for its size: the topic's limit is learned from it, and the next batches are smaller.
void note_too_large(const RefusedBatch &batch, KafkaTarget &target);

// Partitions forget an idempotent producer by the times of its records (producer.id.expiration.ms, by default a day, KAFKA-9144), and take
// whatever batch comes first from a producer that they do not know: one that overtakes a batch which has failed. For records this old only
// one batch may be on its way. Once it is so, it stays so for an hour of the stream's time.
bool is_forgotten_at_once(int64_t commit_time_ms, int64_t now_ms, bool was);

} // namespace outbox
