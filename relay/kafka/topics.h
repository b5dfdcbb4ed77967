// The topics of one producer. A topic is looked up before its first record: a record whose topic is missing or forbidden waits, and nothing
// overtakes that record. The look-up itself keeps nobody waiting (kafka/topic_lookup.h). After a few topics Kafka is asked for all topics
// at once, so that a stream to thousands of topics does not stop at each. This class also chooses each record's partition; the first record
// to a partition goes alone (core/known_partitions.h). Tested by test/unit/kafka_producer_test.cpp, test/unit/at_least_once_sink_test.cpp,
// test/t/014_topics.t and test/t/220_many_topics.t.
#pragma once

#include "base/destroy.h"
#include "base/log.h"
#include "core/backoff.h"
#include "core/by_name.h"
#include "core/clock.h"
#include "core/known_partitions.h"
#include "core/log_ends.h"
#include "kafka/absence.h"
#include "kafka/record.h"
#include "kafka/topic_lookup.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

namespace outbox {

class KafkaTopics {
public:
    // Ends and absence outlive the topics. The thread that makes the topics also produces.
    KafkaTopics(LogEnds &ends, KafkaAbsence &absence) : ends_(ends), absence_(absence) {}

    // `handle`: the producer, which lives until close(). `wakeup`: the eventfd that wakes the producer's loop. `sticky_for`: for so long
    // records without a key stay with one partition.
    void open(rd_kafka_t *handle, int wakeup, std::chrono::milliseconds sticky_for);
    void close();

    // Null where the topic is not ready; the stream then waits, until retry_at() or while is_looking_up().
    rd_kafka_topic_t *of(const KafkaRecord &record);
    bool is_looking_up() const { return lookup_.is_asking(); }
    // The number of topics used. librdkafka remembers a topic until its producer goes, with a handle or without: some 4 kB for a topic of
    // one partition, and its threads look at every partition again and again. So a producer with too many is replaced
    // (KafkaTarget::topics_max).
    size_t size() const { return topics_.size(); }
    double lanes() const { return lanes_.count(); } // partitions that share what is in flight
    void forget(const std::string &name);
    // Looks again later, and logs which event waits, so that an operator can create the topic, allow it, or skip the event.
    void wait_for(const KafkaRecord &record, rd_kafka_resp_err_t error);
    Clock::time_point retry_at() const { return wait_.retry_at; }
    const std::string &waiting_for() const { return wait_.text; } // names the topic and the event; empty: none

    // place_next(): librdkafka asks for the partition of the next record. is_held_back(): librdkafka refused the record, since the
    // partition's first record is on its way. place_taken(): librdkafka took the record; false where librdkafka does not know the topic's
    // partitions at the moment.
    void place_next() {
        chosen_ = RD_KAFKA_PARTITION_UA;
        is_held_back_ = false;
    }
    bool is_held_back() const { return is_held_back_; }
    bool place_taken(const rd_kafka_topic_t *topic, Clock::time_point now) {
        if (chosen_ == RD_KAFKA_PARTITION_UA)
            return false;
        KnownPartitions &partitions = topic_of(topic).partitions;
        partitions.sent(chosen_, now);
        lanes_.taken(partitions.lane(chosen_));
        return true;
    }

    // A record's report. Returns the partition's highest offset before, where this record shows that records have been lost since.
    std::optional<int64_t> acknowledged(const rd_kafka_message_t &message, Clock::time_point now);
    void failed(const rd_kafka_message_t &message);

private:
    using Handle = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;

    struct Topic {
        KafkaTopics *topics = nullptr;
        Handle handle = {};    // until close(), since rd_kafka_topic_destroy() would free nothing
        bool is_ready = false; // the last look-up found the topic, and no report has spoken against it since
        KnownPartitions partitions = {};
        LogEnds::Topic *ends = nullptr;
        int32_t sticky = 0; // the partition of records without a key
        Clock::time_point sticky_until{};
    };

    static int32_t choose_partition(const rd_kafka_topic_t *handle, const void *key, size_t key_size, int32_t count, void *topic,
                                    void *opaque);
    int32_t sticky_partition(int32_t count, Topic &topic) const;
    static Topic &topic_of(const rd_kafka_topic_t *handle) { return *static_cast<Topic *>(rd_kafka_topic_opaque(handle)); }

    // Kafka's answer for all topics. A topic that is not in the answer can exist all the same.
    struct Listing {
        std::unordered_map<std::string, rd_kafka_resp_err_t> topics = {};
        Clock::time_point valid_until = Clock::time_point::min();
        Clock::time_point due_at = Clock::time_point::min(); // Kafka is not asked again before
        int lone_lookups = 0;                                // successful look-ups of one topic since the last listing
    };

    // The wait for a topic that is missing or forbidden.
    struct Wait {
        Clock::time_point retry_at = Clock::time_point::max();
        Backoff backoff{std::chrono::milliseconds(1600)};
        Condition condition = {};
        std::string text = {}; // names the topic and the event; empty: no topic is waited for
    };

    Topic &make(const std::string &name);
    bool is_listed(const std::string &name, Clock::time_point now) const;
    void ask(const std::string &name, rd_kafka_topic_t *handle, Clock::time_point now);
    void take_answer(const KafkaRecord &record);
    void take_listing(TopicLookup::Answer answer, Clock::time_point now);
    void is_there(const std::string &name);

    LogEnds &ends_;
    KafkaAbsence &absence_;
    rd_kafka_t *handle_ = nullptr;
    std::chrono::milliseconds sticky_for_{0};

    ByName<Topic> topics_; // all that were used
    Lanes lanes_;
    TopicLookup lookup_;
    Listing listing_;

    std::thread::id thread_ = std::this_thread::get_id();
    int32_t chosen_ = RD_KAFKA_PARTITION_UA;
    bool is_held_back_ = false;

    Wait wait_;
};

} // namespace outbox
