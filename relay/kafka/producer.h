// One librdkafka producer: records go out without their payloads being copied, delivery reports, errors and logs come back. Knows the
// mechanics only; what a failure means is the sinks' business. A topic is looked up before its first record: one that is missing or
// forbidden is waited for, and nothing overtakes. The first record to a partition goes alone (known_partitions.h). Tested by
// test/unit/at_least_once_sink_test.cpp and test/t/.
#pragma once

#include "base/log.h"
#include "core/backoff.h"
#include "core/known_partitions.h"
#include "core/log_ends.h"
#include "core/sink.h"
#include "kafka/reachability.h"
#include "kafka/record.h"

#include <deque>
#include <string>
#include <thread>
#include <unordered_map>

namespace outbox {

class KafkaProducer {
public:
    class Listener {
    public:
        // Once for each record taken, also while the producer is being destroyed.
        virtual void reported(const rd_kafka_message_t &message) = 0;
        virtual void producer_died(const std::string &reason) = 0; // a fatal error: it delivers nothing more
        // A partition's log has lost records that were acknowledged; the sentence says which. The record that showed it is reported as
        // well.
        virtual void records_lost(const std::string &sentence) = 0;

    protected:
        ~Listener() = default;
    };

    // The configuration has been through make_kafka_conf. Ends and listener outlive the producer; the ends also know earlier producers'
    // records.
    KafkaProducer(KafkaConf conf, LogEnds &ends, Listener &listener);
    ~KafkaProducer(); // what is in flight is taken back; while one of librdkafka's threads waits for a name server, so does this
    KafkaProducer(const KafkaProducer &) = delete;
    KafkaProducer &operator=(const KafkaProducer &) = delete;

    enum class Outcome {
        taken,
        busy,    // full, or waiting for the topic or the partition's first record: until wanted() is ready or retry_at()
        refused, // for its content; see error()
        failed,  // the producer is of no use any more; see error()
    };
    // The record's headers are gone only where it is taken.
    Outcome produce(KafkaRecord &record, void *opaque);
    rd_kafka_resp_err_t error() const { return error_; }

    // Ends the linger of what is queued. Takes up to a millisecond. Once for the same records, unless told to insist.
    void flush(bool insist = false);
    // Reports what has happened. Leaves nothing to report where it does not wait.
    void serve(int timeout_ms = 0);
    void take_back(std::chrono::milliseconds patience = std::chrono::milliseconds(1000));
    void forget_topic(const std::string &name);
    void look_again_later() { retry_at_ = Clock::now() + topic_backoff_.next(); }
    void wait_for_topic(const KafkaRecord &record, rd_kafka_resp_err_t error); // looks again later
    const std::string &waiting_for() const { return waiting_for_; }            // which topic, and for which event; empty: none
    void all_is_well();                                                        // a record was acknowledged

    // A broker has answered something else than a delivery. And: whether somebody waits for such an answer, with no record in flight.
    void answered() { kafka_.answered(); }
    void expect_answer(bool is_expected);
    const Reachability &kafka() const { return kafka_; }
    bool is_a_matter() const; // whether it can be reached: something waits for it, or it has never been reached

    pollfd wanted() const { return {wakeup_, POLLIN, 0}; }
    Clock::time_point serve_at() const; // though nothing happens
    Clock::time_point retry_at() const { return retry_at_; }
    size_t in_flight() const { return in_flight_; }
    bool compresses() const { return compresses_; }
    uint64_t report() const { return report_; } // the number of the one that is being served: each is of one batch

    rd_kafka_t *handle() { return handle_; }

private:
    struct TopicDestroy {
        void operator()(rd_kafka_topic_t *topic) const { rd_kafka_topic_destroy(topic); }
    };
    using Topic = std::unique_ptr<rd_kafka_topic_t, TopicDestroy>;

    struct Partitions {
        KafkaProducer *producer;
        KnownPartitions known;
        LogEnds::Topic *ends;
        bool is_ready = false; // it was there when it was last looked up
        int32_t sticky = 0;    // for records without a key
        Clock::time_point sticky_until{};
    };

    static int32_t choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_size, int32_t count, void *partitions,
                                    void *opaque);
    int32_t sticky_partition(const rd_kafka_topic_t *topic, int32_t count, Partitions &partitions);
    static Partitions &partitions_of(const rd_kafka_topic_t *topic) { return *static_cast<Partitions *>(rd_kafka_topic_opaque(topic)); }
    void taken(const rd_kafka_topic_t *topic);

    Topic make_topic(const std::string &name);
    rd_kafka_topic_t *topic_of(const KafkaRecord &record);
    bool topic_is_ready(rd_kafka_topic_t *topic, const KafkaRecord &record);
    void serve_reports(rd_kafka_event_t *event);
    void note_report(const rd_kafka_message_t &message);
    void note_offset(const rd_kafka_message_t &message);
    void serve_error(rd_kafka_event_t *event);
    void serve_log(rd_kafka_event_t *event);
    static void say(Condition &condition, const std::string &text);
    Clock::time_point complain_at() const;
    void complain_if_due();

    LogEnds &ends_;
    Listener &listener_;
    rd_kafka_t *handle_ = nullptr;
    rd_kafka_queue_t *queue_ = nullptr;
    int wakeup_ = -1; // an eventfd that librdkafka writes to when the queue is no longer empty

    std::unordered_map<std::string, Partitions> partitions_; // of all topics used, as many as Kafka has; handles come and go
    std::unordered_map<std::string, Topic> topics_;          // that are ready
    std::deque<std::string> handles_;                        // their names, the oldest first
    std::string name_;                                       // scratch
    size_t in_flight_ = 0;
    bool compresses_ = false;
    uint64_t report_ = 0;
    std::chrono::milliseconds sticky_for_{0}; // sticky.partitioning.linger.ms
    Clock::time_point now_ = Clock::now();    // when the queue was last served

    std::thread::id thread_ = std::this_thread::get_id();
    int32_t chosen_ = RD_KAFKA_PARTITION_UA; // for the record that is being produced
    bool is_held_back_ = false;              // that one
    bool is_unplaced_ = false;               // the last one taken: librdkafka does not know the topic's partitions at the moment
    bool has_unflushed_ = false;             // records that may still linger
    rd_kafka_resp_err_t error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    Clock::time_point retry_at_ = Clock::time_point::max(); // when a topic is looked at again
    Backoff topic_backoff_{std::chrono::milliseconds(1600)};
    Condition brokers_, topic_;
    Reachability kafka_;
    bool expects_answer_ = false, expects_topic_ = false; // beside what is in flight
    Clock::time_point heard_at_ = Clock::now();           // when Kafka last answered, or was first waited for
    std::string waiting_for_;
};

} // namespace outbox
