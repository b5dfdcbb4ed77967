#include "kafka/transaction.h"

#include <utility>

namespace outbox {
namespace {

constexpr auto commit_is_slow = std::chrono::seconds(10); // socket.timeout.ms: the request may have been repeated
constexpr int16_t end_txn_request = 26;

rd_kafka_resp_err_t request_sent(rd_kafka_t *, int, const char *, int32_t, int16_t api_key, int16_t, int32_t, size_t, void *count) {
    if (api_key == end_txn_request)
        ++*static_cast<std::atomic<int> *>(count);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t watch_requests(rd_kafka_t *handle, const rd_kafka_conf_t *, void *count, char *, size_t) {
    return rd_kafka_interceptor_add_on_request_sent(handle, "outbox", request_sent, count);
}

rd_kafka_resp_err_t forget_count(void *count) {
    delete static_cast<std::atomic<int> *>(count);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

// The count belongs to the client, whose threads may outlive the KafkaTransaction.
KafkaConf counting_ends(KafkaConf conf, std::atomic<int> *&count) {
    count = new std::atomic<int>(0);
    rd_kafka_conf_interceptor_add_on_new(conf.get(), "outbox", watch_requests, count);
    rd_kafka_conf_interceptor_add_on_conf_destroy(conf.get(), "outbox", forget_count, count);
    return conf;
}

} // namespace

KafkaTransaction::KafkaTransaction(KafkaConf conf, LogEnds &ends, KafkaProducer::Listener &listener)
    : producer_(counting_ends(std::move(conf), ends_sent_), ends, listener) {}

// Starts the call, or takes its answer. nullopt: there is none yet.
std::optional<KafkaError> KafkaTransaction::call(Function *function) {
    if (call_.is_running())
        return call_.take();
    if (Clock::now() >= step_at_)
        call_.start([function, handle = producer_.handle()] { return KafkaError(function(handle, transaction_call_ms)); },
                    producer_.wanted().fd);
    return std::nullopt;
}

KafkaTransaction::Step KafkaTransaction::fence() {
    std::optional<KafkaError> error = call(rd_kafka_init_transactions);
    return error ? judge("cannot begin Kafka transactions", *error) : Step::waiting;
}

KafkaTransaction::Step KafkaTransaction::begin() {
    KafkaError error(rd_kafka_begin_transaction(producer_.handle())); // a local call: librdkafka asks no broker
    if (judge("cannot begin a Kafka transaction", error) != Step::done)
        return Step::lost;
    *ends_sent_ = 0;
    commit_began_at_ = Clock::time_point::max();
    return Step::done;
}

KafkaTransaction::Step KafkaTransaction::commit() {
    if (commit_began_at_ == Clock::time_point::max())
        commit_began_at_ = Clock::now();
    std::optional<KafkaError> error = call(rd_kafka_commit_transaction);
    return error ? judge("cannot commit a Kafka transaction", *error, *ends_sent_ == 0) : Step::waiting;
}

// librdkafka aborts once every record was reported and its report served.
KafkaTransaction::Step KafkaTransaction::abort() {
    producer_.serve();
    std::optional<KafkaError> error = call(rd_kafka_abort_transaction);
    return error ? judge("cannot abort a Kafka transaction", *error) : Step::waiting;
}

void KafkaTransaction::abort_within(std::chrono::milliseconds patience) {
    call_.join();
    step_at_ = {};
    int timeout_ms = static_cast<int>(patience.count());
    call_.start([timeout_ms, handle = producer_.handle()] { return KafkaError(rd_kafka_abort_transaction(handle, timeout_ms)); },
                producer_.wanted().fd);
    while (!call_.take())
        producer_.serve(5);
}

// Tries to begin: librdkafka refuses while a Kafka transaction is open, and its words say why the open one has failed.
rd_kafka_resp_err_t KafkaTransaction::failure() {
    KafkaError error(rd_kafka_begin_transaction(producer_.handle()));
    if (!error || rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__STATE)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    reason_ = rd_kafka_error_string(error.get());
    return rd_kafka_error_code(error.get());
}

bool KafkaTransaction::is_doubtful() const { return was_ended_twice() || Clock::now() - commit_began_at_ > commit_is_slow; }

// Judges an error: fatal, or the Kafka transaction must be aborted, or the call may be repeated. After any other error nobody knows how to
// go on.
KafkaTransaction::Step KafkaTransaction::judge(const char *what, const KafkaError &error, bool abort_is_of_use) {
    if (!error)
        return Step::done;
    reason_ = rd_kafka_error_string(error.get());
    if (rd_kafka_error_is_fatal(error.get()) == 0) {
        if (abort_is_of_use && rd_kafka_error_txn_requires_abort(error.get()) != 0)
            return Step::must_abort;
        if (rd_kafka_error_is_retriable(error.get()) != 0) {
            step_at_ = Clock::now() + transaction_pause;
            return Step::waiting;
        }
    }
    reason_ = fmt::format("{}: {}", what, reason_);
    return Step::lost;
}

} // namespace outbox
