// One librdkafka producer: records go out without their payloads being copied, delivery reports, errors and logs come back. Knows the
// mechanics only; what a failure means is the sinks' business. Which partition a record goes to, and whether its topic is there, is
// kafka/topics.h. Tested by test/unit/kafka_producer_test.cpp, test/unit/at_least_once_sink_test.cpp and test/t/.
#pragma once

#include "core/log_ends.h"
#include "core/sink.h"
#include "kafka/absence.h"
#include "kafka/properties.h"
#include "kafka/record.h"
#include "kafka/topics.h"

#include <string>

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
        virtual void statistics(std::string_view) {} // of librdkafka, as JSON

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
    void forget_topic(const std::string &name) { topics_.forget(name); }
    const std::string &waiting_for() const { return topics_.waiting_for(); } // which topic, and for which event; empty: none
    void all_is_well() { absence_.is_over(); }                               // a record was acknowledged

    // A broker has answered something else than a delivery. And: whether somebody waits for such an answer, with no record in flight.
    void answered() { absence_.kafka().answered(); }
    void expect_answer(bool is_expected) { absence_.expect_answer(is_expected, Clock::now()); }
    const Reachability &kafka() const { return absence_.kafka(); }
    // Whether Kafka can be reached is a matter: something waits for it, or it has never been reached.
    bool is_a_matter() const { return absence_.is_a_matter(in_flight_ > 0); }

    pollfd wanted() const { return {wakeup_, POLLIN, 0}; }
    Clock::time_point serve_at() const { return absence_.complain_at(in_flight_ > 0); } // though nothing happens
    Clock::time_point retry_at() const { return topics_.retry_at(); }
    bool is_looking_up() const { return topics_.is_looking_up(); } // what produce() waits for; wanted() becomes ready then
    size_t topics() const { return topics_.size(); }
    double lanes() const { return topics_.lanes(); }
    size_t in_flight() const { return in_flight_; }
    bool compresses() const { return compresses_; }
    uint64_t report() const { return report_; } // the number of the one that is being served: each is of one batch

    rd_kafka_t *handle() { return handle_; }

private:
    void taken(const rd_kafka_topic_t *topic);
    void serve_reports(rd_kafka_event_t *event);
    void note_report(const rd_kafka_message_t &message);
    void serve_error(rd_kafka_event_t *event);
    void serve_log(rd_kafka_event_t *event);

    LogEnds &ends_;
    Listener &listener_;
    rd_kafka_t *handle_ = nullptr;
    rd_kafka_queue_t *queue_ = nullptr;
    int wakeup_ = -1; // an eventfd that librdkafka writes to when the queue is no longer empty

    KafkaAbsence absence_;
    KafkaTopics topics_{ends_, absence_};
    size_t in_flight_ = 0;
    bool compresses_ = false;
    uint64_t report_ = 0;
    Clock::time_point now_ = Clock::now(); // when the queue was last served
    bool is_unplaced_ = false;             // the last record taken: librdkafka does not know the topic's partitions at the moment
    bool has_unflushed_ = false;           // records that may still linger
    rd_kafka_resp_err_t error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

} // namespace outbox
