// The code that both Kafka sinks share: an event goes to the producer in the form that the quarantine knows for the event. Tested by
// test/unit/at_least_once_refusals_test.cpp and test/unit/exactly_once_refusals_test.cpp.
#pragma once

#include "core/entry.h"
#include "core/group_limit.h"
#include "kafka/producer.h"
#include "kafka/suspicion.h"

namespace outbox {

// Milliseconds since 1970 by the wall clock, with which Kafka compares a record's time.
int64_t now_ms();

class EventProducer {
public:
    EventProducer(KafkaTarget &target, const Source &source) : target_(target), source_(source) {}

    // Produces the event. The entry is the record's opaque pointer and gets the record's form. `refused`: no form is left, and the
    // quarantine knows why. `cost` is the record's memory beside the chunk.
    KafkaProducer::Outcome produce(KafkaProducer &producer, const Event &event, int64_t commit_time_ms, Chunk &chunk, Entry &entry,
                                   size_t &cost);

    const std::string &topic() const { return topic_; } // of the record that was produced last

    // Kafka has the entry's record for good.
    void settled(const Entry &entry);

private:
    KafkaTarget &target_;
    const Source &source_;
    RecordMaker maker_;
    std::string topic_;
};

// Counts for the status: the error of a delivery report, and librdkafka's statistics.
void note_delivery_error(rd_kafka_resp_err_t error, KafkaTarget &target);
void note_statistics(std::string_view json, KafkaTarget &target);

PoisonedEvent poisoned(const Event &event, Lsn end, int64_t commit_time_ms, const KafkaTarget &target);

// Why the brokers refuse the event's time, where a clock is to blame and not the event; empty: the event is too old, or too new.
std::string clock_fault(const Entry &entry, const Source &source, int64_t now_ms);

// Judges a record that was refused while it was alone. Where the event is to blame, the quarantine learns that: at once for the content,
// otherwise when the suspicion has lasted. An event that waits for a topic or a clock stays suspected.
void judge_alone(const Refused &refused, const Source &source, KafkaTarget &target, GroupLimit &groups, Suspicion &suspicion);

// Kafka refuses a batch for its size. The topic's limit is learned from the batch, and the next batches are smaller.
void note_too_large(const RefusedBatch &batch, size_t made_with, KafkaTarget &target);

// True for records so old that only one batch may be on its way. Partitions forget an idempotent producer by the times of its records
// (producer.id.expiration.ms, by default a day, KAFKA-9144), and then accept any batch as its first, even one that overtakes a failed
// batch. Once true, the answer stays true for an hour of the stream's time (`was`).
bool is_forgotten_at_once(int64_t commit_time_ms, int64_t now_ms, bool was);

} // namespace outbox
