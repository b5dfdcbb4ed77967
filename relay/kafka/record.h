// Makes Kafka's records of events: the delivery, the dead letter, and the note of a skipped event. Tested by test/t/002_records.t,
// test/t/042_poison.t and test/t/057_quarantine.t.
#pragma once

#include "base/destroy.h"
#include "core/chunk.h"
#include "core/envelope.h"
#include "core/source.h"
#include "kafka/target.h"

#include <memory>
#include <string>

namespace outbox {

using KafkaHeaders = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;

// A record of views, which are good until the next record is made. Where `copies` is false the value belongs to the chunk and has to live
// until the delivery report.
struct KafkaRecord {
    std::string_view topic;
    std::string_view id;       // of the event; empty: none
    Lsn end{};                 // of the event's transaction
    const char *key = nullptr; // null: no key
    size_t key_size = 0;
    void *value = nullptr; // null: a tombstone
    size_t value_size = 0;
    bool copies = false;
    int64_t timestamp_ms = 0; // since 1970; 0: now
    KafkaHeaders headers;
    size_t cost_bytes = 0; // memory beside the chunk's
    size_t bytes = 0;      // in a batch, as its first record
};

class RecordMaker {
public:
    // The event's record in this form. `commit_time_ms` is since 1970.
    KafkaRecord make(const Event &event, Form form, int64_t commit_time_ms, Chunk &chunk, const KafkaTarget &target, const Source &source);

private:
    KafkaRecord delivery(const Event &event, int64_t commit_time_ms, Chunk &chunk, const RecordStyle &style);

    // The event as its record would be, with the time of now, plus the headers outbox-topic (Kafka's name), outbox-reason, outbox-lsn and
    // outbox-timestamp (the commit time, in ms since 1970). Where the form leaves the payload, the key or the headers out, the headers
    // outbox-…-bytes and outbox-…-sha256 stand for them.
    KafkaRecord dead_letter(const Event &event, Form form, int64_t commit_time_ms, Chunk &chunk, const char *reason,
                            const KafkaTarget &target);

    // One line of JSON about the event in the state topic, under a key of its own: everything but key, headers and payload.
    KafkaRecord skip_note(const Event &event, const Chunk &chunk, const std::string &state_key, const KafkaTarget &target);

    void put_key(KafkaRecord &record, const Event &event, KeyStyle style);
    void put_value(KafkaRecord &record, const Event &event, Chunk &chunk);
    std::string_view payload(const Event &event);
    void put_headers(KafkaRecord &record, const Event &event, int64_t commit_time_ms, const RecordStyle &style);
    void put_attributes(KafkaRecord &record, const Event &event, int64_t commit_time_ms, const std::string &source);
    std::string_view put_own_attributes(KafkaRecord &record, const Event &event);
    std::string_view value_of(const Header &header);

    std::string topic_, key_, name_, text_, bytes_, content_type_; // scratch
};

} // namespace outbox
