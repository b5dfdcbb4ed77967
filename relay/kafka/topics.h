// The topics of one producer. A topic is looked up before its first record: one that is missing or forbidden is waited for, and nothing
// overtakes. Each record gets its partition here; the first record to a partition goes alone (core/known_partitions.h).
// Tested by test/unit/kafka_producer_test.cpp, test/unit/at_least_once_sink_test.cpp and test/t/014_topics.t.
#pragma once

#include "base/log.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/known_partitions.h"
#include "core/log_ends.h"
#include "kafka/absence.h"
#include "kafka/record.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

namespace outbox {

class KafkaTopics {
public:
    // Ends and absence outlive the topics. The thread that makes the topics is the one that produces.
    KafkaTopics(LogEnds &ends, KafkaAbsence &absence) : ends_(ends), absence_(absence) {}

    // The producer, which lives until close(). sticky_for: how long records without a key stay with one partition.
    void open(rd_kafka_t *handle, std::chrono::milliseconds sticky_for);
    void close() { topics_.clear(); }

    // Null where the topic is not ready; the stream then waits, until retry_at(). The look-up is the only call that waits, half a second at
    // most, and only for a topic's first record.
    rd_kafka_topic_t *of(const KafkaRecord &record);
    void forget(const std::string &name);
    // Looks again later, and says which event waits, so that an operator can create the topic, allow it, or skip the event.
    void wait_for(const KafkaRecord &record, rd_kafka_resp_err_t error);
    Clock::time_point retry_at() const { return retry_at_; }
    const std::string &waiting_for() const { return waiting_for_; } // which topic, and for which event; empty: none

    // librdkafka asks for the partition of the next record. Then: the record was refused, because the partition's first one is on its way.
    // Or it was taken; false where librdkafka does not know the topic's partitions at the moment.
    void place_next() {
        chosen_ = RD_KAFKA_PARTITION_UA;
        is_held_back_ = false;
    }
    bool is_held_back() const { return is_held_back_; }
    bool place_taken(const rd_kafka_topic_t *topic, Clock::time_point now) {
        if (chosen_ == RD_KAFKA_PARTITION_UA)
            return false;
        partitions_of(topic).known.sent(chosen_, now);
        return true;
    }

    // The record's report. Returns the offset that the partition had before, where the record shows that records have been lost since.
    std::optional<int64_t> acknowledged(const rd_kafka_message_t &message, Clock::time_point now);
    void failed(const rd_kafka_message_t &message);

private:
    struct TopicDestroy {
        void operator()(rd_kafka_topic_t *topic) const { rd_kafka_topic_destroy(topic); }
    };
    using Topic = std::unique_ptr<rd_kafka_topic_t, TopicDestroy>;

    struct Partitions {
        KafkaTopics *topics;
        KnownPartitions known;
        LogEnds::Topic *ends;
        bool is_ready = false; // it was there when it was last looked up
        int32_t sticky = 0;    // for records without a key
        Clock::time_point sticky_until{};
    };

    static int32_t choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_size, int32_t count, void *partitions,
                                    void *opaque);
    int32_t sticky_partition(const rd_kafka_topic_t *topic, int32_t count, Partitions &partitions) const;
    static Partitions &partitions_of(const rd_kafka_topic_t *topic) { return *static_cast<Partitions *>(rd_kafka_topic_opaque(topic)); }

    Topic make(const std::string &name);
    bool look_up(rd_kafka_topic_t *topic, const KafkaRecord &record);

    LogEnds &ends_;
    KafkaAbsence &absence_;
    rd_kafka_t *handle_ = nullptr;
    std::chrono::milliseconds sticky_for_{0};

    std::unordered_map<std::string, Partitions> partitions_; // of all topics used, as many as Kafka has; handles come and go
    std::unordered_map<std::string, Topic> topics_;          // that are ready
    std::deque<std::string> handles_;                        // their names, the oldest first
    std::string name_;                                       // scratch

    std::thread::id thread_ = std::this_thread::get_id();
    int32_t chosen_ = RD_KAFKA_PARTITION_UA;
    bool is_held_back_ = false;

    Clock::time_point retry_at_ = Clock::time_point::max(); // when a topic is looked at again
    Backoff backoff_{std::chrono::milliseconds(1600)};
    Condition condition_;
    std::string waiting_for_;
};

} // namespace outbox
