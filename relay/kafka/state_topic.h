// The state topic of exactly-once delivery: one partition, compacted, one record a slot. Reads a record back, and knows whether the topic
// has the right shape. Tested by test/t/.
#pragma once

#include "base/signals.h"
#include "core/position.h"
#include "core/sink.h"
#include "kafka/target.h"

#include <memory>
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

// Creates the topic where it is missing. True where it did. Throws PositionRefused where its shape is wrong, std::runtime_error where Kafka
// does not do it, Interrupted. Waits for Kafka, up to half a minute.
bool ensure_state_topic(const KafkaTarget &target, Signals &signals);

// Fences whoever delivers for this slot, and then can write a record in a transaction of its own. Both wait as ensure_state_topic, and
// throw std::runtime_error and Interrupted.
class StateWriter {
public:
    StateWriter(const KafkaTarget &target, const Source &source, Signals &signals);
    void write(const State &state);

private:
    std::string topic_, key_;
    Signals &signals_;
    Reachability kafka_;
    KafkaHandle handle_;
};

// Reads it, waiting as ensure_state_topic. Throws PositionRefused where it cannot be read.
std::optional<State> read_state(const KafkaTarget &target, const Source &source, Signals &signals);

// The same for whoever replaces it: what cannot be read counts as none.
std::optional<State> read_state_to_replace(const KafkaTarget &target, const Source &source, Signals &signals);

std::string transactional_id(const Source &source);

} // namespace outbox
