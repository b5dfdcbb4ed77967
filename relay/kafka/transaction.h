// One Kafka transaction after another. Knows no event, no LSN and no topic. The one place that judges librdkafka's transactional errors.
// Owns the producer, since librdkafka has one open Kafka transaction for each producer.
//
// librdkafka's calls block, so a thread makes them; the loop asks for a step again when the producer's wanted() is ready. A call must not
// be cut short: its first phase is an order to librdkafka's main thread. Where the call gives up before that thread has taken the order,
// the answer meets the next call, or the end of the Kafka transaction finds no call that waits for it, and librdkafka 2.14 ends the process
// ("Invalid transaction state transition"). So a call has two seconds, and the next one comes after a pause in which late answers are
// dropped.
//
// Tested by test/unit/kafka_transaction_test.cpp.
#pragma once

#include "base/background_call.h"
#include "kafka/producer.h"
#include "kafka/properties.h"

#include <atomic>
#include <optional>

namespace outbox {

constexpr int transaction_call_ms = 2000;                         // what a call of librdkafka's transactions has
constexpr auto transaction_pause = std::chrono::milliseconds(50); // between a call that failed and the next one

class KafkaTransaction {
public:
    enum class Step {
        waiting,    // the caller calls again, at step_at() or when the producer's wanted() is ready
        done,       // the call has done what it is named after
        must_abort, // the open Kafka transaction cannot be committed
        lost,       // only another producer can go on
    };

    // The configuration has passed make_transactional_conf(). Ends and listener are those of KafkaProducer.
    KafkaTransaction(KafkaConf conf, LogEnds &ends, KafkaProducer::Listener &listener);

    KafkaProducer &producer() { return producer_; }

    // `done`: every Kafka transaction of earlier producers with the same transactional id is finished, and none of theirs can be committed
    // any more. Otherwise `waiting` or `lost`.
    Step fence();
    // `done` or `lost`.
    Step begin();
    // Every record has been reported before the first call. `lost`: nobody knows whether the commit took place.
    Step commit();
    // Serves the producer. `done`: every record of the Kafka transaction has been reported. Otherwise `waiting` or `lost`.
    Step abort();
    // Aborts at the end of a session, within the patience, after the call that is running: two seconds more at most. Nobody judges the
    // outcome.
    void abort_within(std::chrono::milliseconds patience);
    // The time of the next step; max while librdkafka works on a call. An answer that is there makes the step due at once, because the loop
    // may have used up its wake-up already.
    Clock::time_point step_at() const { return call_.is_running() && !call_.is_answered() ? Clock::time_point::max() : step_at_; }

    // The error for which librdkafka has let the open Kafka transaction fail as a whole, with its words in reason(). NO_ERROR: the
    // Kafka transaction has not failed.
    rd_kafka_resp_err_t failure();

    // The reason of the last call that has failed, or of failure(). Empty: none has.
    const std::string &reason() const { return reason_; }

    // True where the end of the Kafka transaction was sent twice. librdkafka repeats the request by itself when a connection is lost, and
    // the first copy may still arrive, in the middle of the next Kafka transaction (KIP-890).
    bool was_ended_twice() const { return *ends_sent_ > 1; }
    // After a commit: the end was sent twice, or may have been. The next Kafka transaction needs a new epoch.
    bool is_doubtful() const;

private:
    using Function = rd_kafka_error_t *(rd_kafka_t *, int timeout_ms);
    std::optional<KafkaError> call(Function *function);
    Step judge(const char *what, const KafkaError &error, bool abort_is_of_use = false);

    std::atomic<int> *ends_sent_ = nullptr; // requests to end the open Kafka transaction, counted by librdkafka's threads; the client's
    KafkaProducer producer_;
    Clock::time_point commit_began_at_ = Clock::time_point::max(); // max: no commit of the open Kafka transaction was tried yet
    std::string reason_;
    BackgroundCall<KafkaError> call_; // ends before the producer
    Clock::time_point step_at_;
};

} // namespace outbox
