// One librdkafka producer: records go out without a copy of their payloads; delivery reports, errors and logs come back. Knows the
// mechanics only: the sinks decide what a failure means. kafka/topics.h chooses a record's partition, and knows whether the topic is there.
// Tested by test/unit/kafka_producer_test.cpp and test/unit/at_least_once_sink_test.cpp.
#pragma once

#include "core/log_ends.h"
#include "core/sink.h"
#include "kafka/absence.h"
#include "kafka/flusher.h"
#include "kafka/properties.h"
#include "kafka/record.h"
#include "kafka/topics.h"

#include <algorithm>
#include <optional>
#include <string>

namespace outbox {

class KafkaProducer {
public:
    class Listener {
    public:
        // Called once for each record taken, even while the producer is being destroyed. The error is the message's, or __INCONSISTENT
        // (see is_unproven() in producer.cpp).
        virtual void reported(const rd_kafka_message_t &message, rd_kafka_resp_err_t error) = 0;
        virtual void producer_died(const std::string &reason) = 0; // a fatal error: the producer delivers nothing more
        // A partition's log has lost records that Kafka had acknowledged; the sentence says which. The record that showed the loss is
        // reported as well.
        virtual void records_lost(const std::string &sentence) = 0;
        virtual void statistics(std::string_view) {} // of librdkafka, as JSON

    protected:
        ~Listener() = default;
    };

    // The configuration has passed make_kafka_conf(). Ends and listener outlive the producer; the ends know the records of earlier
    // producers, too.
    KafkaProducer(KafkaConf conf, LogEnds &ends, Listener &listener);
    ~KafkaProducer(); // takes back what is in flight; waits as long as a thread of librdkafka waits for a name (BrokerNames)
    KafkaProducer(const KafkaProducer &) = delete;
    KafkaProducer &operator=(const KafkaProducer &) = delete;

    enum class Outcome {
        taken,
        busy,    // full, or waits for the topic or the partition's first record: until wanted() is ready or retry_at()
        refused, // for its content; see error()
        failed,  // the producer is of no use any more; see error()
    };
    // Produces a record. Headers leave the record only where the record is taken.
    Outcome produce(KafkaRecord &record, void *opaque);
    rd_kafka_resp_err_t error() const { return error_; }

    // Ends the linger of queued records. Takes up to a millisecond. Has no effect twice for the same records, unless told to insist. A long
    // linger ends for certain (kafka/flusher.h); one of a few milliseconds may last where the machine is busy.
    void flush(bool insist = false);
    // serve(): reports what has happened; with timeout_ms 0 nothing is left to report. take_back(): ends everything in flight, within the
    // patience.
    void serve(int timeout_ms = 0);
    void take_back(std::chrono::milliseconds patience = std::chrono::milliseconds(1000));
    void forget_topic(const std::string &name) { topics_.forget(name); }
    const std::string &waiting_for() const { return topics_.waiting_for(); } // names the topic and the event; empty: none
    void all_is_well() { absence_.is_over(); }                               // Kafka has acknowledged a record

    // answered(): a broker has answered something else than a delivery. expect_answer(): something waits for such an answer while no record
    // is in flight.
    void answered() { absence_.kafka().answered(); }
    void expect_answer(bool is_expected) { absence_.expect_answer(is_expected, Clock::now()); }
    const Reachability &kafka() const { return absence_.kafka(); }
    // True where it matters whether Kafka can be reached: something waits for Kafka, or Kafka was never reached.
    bool is_a_matter() const { return absence_.is_a_matter(in_flight_ > 0); }

    pollfd wanted() const { return {wakeup_, POLLIN, 0}; }
    Clock::time_point serve_at() const { // when to serve though nothing happens
        return std::min(absence_.complain_at(in_flight_ > 0), absence_.silent_at(in_flight_ > 0));
    }
    Clock::time_point retry_at() const { return topics_.retry_at(); }
    bool is_looking_up() const { return topics_.is_looking_up(); } // produce() waits for a look-up, after which wanted() becomes ready
    size_t topics() const { return topics_.size(); }
    double lanes() const { return topics_.lanes(); }
    size_t in_flight() const { return in_flight_; }
    bool compresses() const { return compresses_; }
    uint64_t report() const { return report_; } // the number of the delivery report that is being served; each report is about one batch

    rd_kafka_t *handle() { return handle_; }

private:
    void taken(const rd_kafka_topic_t *topic);
    void serve_reports(rd_kafka_event_t *event);
    void settled();
    void note_report(const rd_kafka_message_t &message, rd_kafka_resp_err_t error);
    void serve_error(rd_kafka_event_t *event);
    void serve_log(rd_kafka_event_t *event);
    void give_brokers_again();

    LogEnds &ends_;
    Listener &listener_;
    rd_kafka_t *handle_ = nullptr;
    rd_kafka_queue_t *queue_ = nullptr;
    int wakeup_ = -1; // an eventfd, to which librdkafka writes when the queue becomes non-empty

    KafkaAbsence absence_;
    KafkaTopics topics_{ends_, absence_};
    size_t in_flight_ = 0;
    bool compresses_ = false;
    std::string brokers_; // as configured
    uint64_t report_ = 0;
    Clock::time_point now_ = Clock::now(); // when the queue was last served
    bool is_unplaced_ = false;             // librdkafka did not know the partitions of the last record's topic
    bool has_unflushed_ = false;           // some records may still linger
    std::optional<Flusher> flusher_;       // where the linger is long
    rd_kafka_resp_err_t error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

} // namespace outbox
