// One Kafka transaction after another. Knows no event, no LSN and no topic. The one place that judges librdkafka's transactional errors.
// The producer is part of it, because librdkafka has one open transaction for each producer.
//
// librdkafka's calls block, so a thread of their own makes them; the loop asks for a step again when the producer's wanted() is ready. A
// call must not be cut short: its first phase is an order to librdkafka's main thread, and where the call gives up before that thread has
// taken the order, the answer meets the next call, or the end of the transaction finds no call that waits for it. librdkafka 2.14 ends the
// process then
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

class KafkaTransaction {
public:
    enum class Step {
        waiting,    // the same call again, at step_at() or when the producer's wanted() is ready
        done,       // the call has done what it is named after
        must_abort, // the open transaction cannot be committed
        lost,       // only another producer can go on
    };

    // The configuration has been through make_transactional_conf. Ends and listener are those of KafkaProducer.
    KafkaTransaction(KafkaConf conf, LogEnds &ends, KafkaProducer::Listener &listener);

    KafkaProducer &producer() { return producer_; }

    // Done: every transaction of whoever came before with the same transactional id is finished, and nothing of it can be committed any
    // more. Waiting, or lost.
    Step fence();
    // Done, or lost.
    Step begin();
    // Every record has been reported before the first call. Lost: nobody knows whether the transaction took place.
    Step commit();
    // Serves the producer. Done: every record of the transaction has been reported. Waiting, or lost.
    Step abort();
    // The end of a session, where nobody judges any more: aborts for so long, after the call that is running: two seconds at most.
    void abort_within(std::chrono::milliseconds patience);
    Clock::time_point step_at() const { return call_.is_running() ? Clock::time_point::max() : step_at_; }

    // Why librdkafka has let the open transaction fail as a whole, with its words in reason(). NO_ERROR: it has not.
    rd_kafka_resp_err_t failure();

    // Of the last call that has failed, or of failure(). Empty: none has.
    const std::string &reason() const { return reason_; }

    // The end of the transaction was sent a second time. librdkafka does so by itself when a connection is lost, and then the first copy
    // may still arrive, in the middle of the next transaction (KIP-890).
    bool was_ended_twice() const { return ends_sent_ > 1; }
    // After a commit: it was ended twice, or may have been. The next transaction needs a new epoch.
    bool is_doubtful() const;

private:
    using Function = rd_kafka_error_t *(rd_kafka_t *, int timeout_ms);
    std::optional<KafkaError> call(Function *function);
    Step judge(const char *what, const KafkaError &error, bool abort_is_of_use = false);

    std::atomic<int> ends_sent_{0}; // requests to end the open transaction, counted by librdkafka's threads
    KafkaProducer producer_;
    Clock::time_point commit_began_at_ = Clock::time_point::max(); // no commit of the open transaction was tried yet
    std::string reason_;
    BackgroundCall<KafkaError> call_; // ends before the producer
    Clock::time_point step_at_;
};

} // namespace outbox
