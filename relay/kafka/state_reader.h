// Reads a slot's position from the state topic of exactly-once delivery: one partition, compacted, one record a slot. Never waits long.
// state_topic.h makes the topic, and writes positions for setup. Tested by test/unit/state_reader_test.cpp, test/t/041_position.t and
// test/t/045_visible.t.
#pragma once

#include "base/destroy.h"
#include "core/position.h"
#include "core/sink.h"
#include "kafka/growing_wait.h"
#include "kafka/target.h"

#include <optional>
#include <string>

namespace outbox {

constexpr int lookup_ms = 500; // the first wait for the answer to a look-up

// Reads the topic from its beginning to the end that the topic had when the reading began. Offsets decide, not silence, so the reader sees
// everything that was written before. The slot's own producers must be fenced before, or one of their Kafka transactions may still be on
// its way. An open Kafka transaction of another slot before the end is waited for. Each step takes some milliseconds at most, a look-up
// half a second, or up to two seconds where the brokers are far away. Afterwards the reader follows committed records, and keeps at most 64
// kB that nobody has asked for.
class StateReader {
public:
    // Throws std::invalid_argument.
    StateReader(const KafkaTarget &target, std::string key);
    ~StateReader();

    // One step. True when the end is reached. Throws PositionRefused where the topic has the wrong shape.
    bool advance();

    // Reads what has been committed since the last call; never waits.
    void follow();

    // The key's last position that this version can read. A record with headers was made of an event and is no position.
    const std::optional<State> &state() const { return state_; }
    // Throws PositionRefused where a later position cannot be read. Positions that have been replaced do not count.
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
    KafkaHandle reader_; // sees committed records only
    rd_kafka_topic_t *topic_ = nullptr;
    // The reader receives by a queue of its own. Without one librdkafka 2.14 puts a mark into the partition's queue when the reading ends,
    // and where the topic was deleted nobody takes the mark out: the mark refers to the partition, the partition to its broker, and
    // rd_kafka_destroy() waits for the broker's thread for ever.
    std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>> queue_;
    GrowingWait lookup_{lookup_ms};
    std::optional<int64_t> end_;
    bool is_at_end_ = false;
    std::optional<State> state_;
    std::optional<int64_t> unreadable_at_; // the offset of a later position that cannot be read
    Clock::time_point missing_since_ = Clock::time_point::max();
    std::string waiting_for_;
};

// Makes a client for a look at the topic. Throws SinkFailure.
KafkaHandle make_state_client(rd_kafka_type_t type, KafkaConf conf, Reachability &kafka);

// Throws PositionRefused where the topic has more or fewer than one partition.
void require_one_partition(const std::string &topic, int partitions);

} // namespace outbox
