// Reads a slot's position from the state topic of exactly-once delivery: one partition, compacted, one record a slot. Never waits long; who
// makes the topic and writes to it at a setup: state_topic.h. Tested by test/unit/state_reader_test.cpp and test/t/.
#pragma once

#include "core/position.h"
#include "core/sink.h"
#include "kafka/target.h"

#include <optional>
#include <string>

namespace outbox {

// Reads the topic from its beginning to the end it had when the reading began: everything that was written before is seen, by offset, not
// by silence. Ours must be fenced before, or a transaction of it may still be on its way. Another slot's open transaction before the end
// is waited for. Each step takes some milliseconds at most, but for the first: half a second. After that it follows what is committed, and
// keeps 64 kB at most that nobody has asked for.
class StateReader {
public:
    // Throws std::invalid_argument.
    StateReader(const KafkaTarget &target, std::string key);
    ~StateReader();

    // True when the end is reached. Throws PositionRefused where the topic has the wrong shape.
    bool advance();

    // What has been committed since then; never waits.
    void follow();

    // The last position of the key that this version can read. Records with headers are none: those are made of events.
    const std::optional<State> &state() const { return state_; }
    // Throws PositionRefused where a later one cannot be read. What has been replaced is not asked about.
    void require_readable() const;
    bool is_readable() const { return !unreadable_at_; }
    const Reachability &kafka() const { return kafka_; }
    const std::string &waiting_for() const { return waiting_for_; } // for people; empty: nothing in particular

private:
    bool find_end();
    bool read_one(int wait_ms);
    void take(const rd_kafka_message_t &message);

    const KafkaTarget &target_;
    std::string key_;
    Reachability kafka_;
    KafkaHandle asker_;  // sees uncommitted records, so it knows the true end
    KafkaHandle reader_; // sees committed ones only
    rd_kafka_topic_t *topic_ = nullptr;
    std::optional<int64_t> end_;
    bool is_at_end_ = false;
    std::optional<State> state_;
    std::optional<int64_t> unreadable_at_; // the offset of a position after that
    Clock::time_point missing_since_ = Clock::time_point::max();
    std::string waiting_for_;
};

// For whoever looks at the topic. Throws SinkFailure.
KafkaHandle make_state_client(rd_kafka_type_t type, KafkaConf conf, Reachability &kafka);

// How many partitions the topic has; 0: Kafka shows none, and `error` says why. nullopt: nobody answers within half a second.
std::optional<int> count_partitions(rd_kafka_t *handle, const std::string &topic, rd_kafka_resp_err_t &error);

// Throws PositionRefused where they are not exactly one.
void require_one_partition(const std::string &topic, int partitions);

// Why Kafka does not answer, where a client knows; otherwise what its call said.
std::string reason_of(const Reachability &kafka, rd_kafka_resp_err_t error);

} // namespace outbox
