// Waits for one record of a topic, from the end that the topic has when the watch begins, without a consumer group. Tested by
// test/t/141_doctor_kafka.t.
#pragma once

#include "base/signals.h"
#include "kafka/target.h"

#include <chrono>
#include <optional>
#include <string>

namespace outbox {

class TopicWatch {
public:
    // Reads the topic from its end on. Throws std::runtime_error where the topic cannot be read.
    TopicWatch(const KafkaTarget &target, const std::string &topic, Signals &signals);
    ~TopicWatch();
    TopicWatch(const TopicWatch &) = delete;
    TopicWatch &operator=(const TopicWatch &) = delete;

    struct Arrival {
        std::optional<int64_t> broker_ms = {}; // the broker's clock when it took the record, where the topic has LogAppendTime
    };
    // Waits for a record with this id in its header; nullopt: none came within the time.
    std::optional<Arrival> wait_for(const std::string &id, std::chrono::milliseconds patience);

private:
    Signals &signals_;
    Reachability kafka_;
    KafkaHandle handle_;
    rd_kafka_topic_t *topic_ = nullptr;
    rd_kafka_queue_t *queue_ = nullptr;
    int partitions_ = 0;
};

} // namespace outbox
