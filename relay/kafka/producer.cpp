#include "kafka/producer.h"

#include "kafka/errors.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace outbox {
namespace {

constexpr int flush_ms = 1;
constexpr auto short_linger = std::chrono::milliseconds(5); // may last although it should have ended
// For the reports of records that are taken back: librdkafka never reports a record that it keeps for a partition that is gone.
constexpr auto give_up_after = std::chrono::milliseconds(5000);
constexpr const char *controller_advice = " (a controller of KRaft answers like this, too: see the port in --brokers)";
constexpr const char *sticky_property = "sticky.partitioning.linger.ms";

std::string text_of(const rd_kafka_conf_t *conf, const char *property) {
    size_t size = 0; // with the zero at the end
    if (rd_kafka_conf_get(conf, property, nullptr, &size) != RD_KAFKA_CONF_OK || size == 0)
        return "";
    std::string value(size, '\0');
    rd_kafka_conf_get(conf, property, value.data(), &size);
    return value.c_str();
}

size_t number_of(const rd_kafka_conf_t *conf, const char *property) { return strtoull(text_of(conf, property).c_str(), nullptr, 10); }

} // namespace

KafkaProducer::KafkaProducer(KafkaConf conf, LogEnds &ends, Listener &listener) : ends_(ends), listener_(listener) {
    ends_.end_period();
    compresses_ = text_of(conf.get(), "compression.codec") != "none";
    brokers_ = text_of(conf.get(), "bootstrap.servers");
    auto sticky_for = std::chrono::milliseconds(number_of(conf.get(), sticky_property));
    auto linger = std::chrono::milliseconds(number_of(conf.get(), "linger.ms"));
    rd_kafka_conf_set(conf.get(), sticky_property, "0", nullptr, 0); // with another value librdkafka does not ask choose_partition()
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS);
    rd_kafka_conf_set(conf.get(), "log.queue", "true", nullptr, 0);

    char error[512];
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error, sizeof(error));
    if (handle_ == nullptr) // fails, too, where the wall clock jumps, by which librdkafka waits for its threads
        throw SinkFailure(std::string("cannot create a Kafka producer: ") + error);
    (void)conf.release(); // the producer's now
    start_tokens(handle_);
    queue_ = rd_kafka_queue_get_main(handle_);
    rd_kafka_set_log_queue(handle_, queue_);

    wakeup_ = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); // before the queue has the descriptor, librdkafka has already reported
    if (wakeup_ < 0)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue_, wakeup_, &one, sizeof(one));
    topics_.open(handle_, wakeup_, sticky_for);
    if (linger > short_linger)
        flusher_.emplace(handle_, linger);
}

// Reports every record before rd_kafka_destroy(), since a record that is not reported before never is, and its chunk would count against
// the budget for ever. librdkafka's threads report, and rd_kafka_destroy() would wait for the same threads.
KafkaProducer::~KafkaProducer() {
    take_back(give_up_after);
    flusher_.reset();
    topics_.close();
    rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
    rd_kafka_queue_destroy(queue_);
    if (in_flight_ > 0) { // librdkafka still reads the records' memory, so the client is not left behind
        stop_tokens(handle_);
        rd_kafka_destroy(handle_);
        forget_tokens(handle_);
    } else {
        destroy_kafka_client(handle_);
    }
    close(wakeup_);
}

// Ends every record in flight, delivered or not, since a queued record refers to a chunk.
void KafkaProducer::take_back(std::chrono::milliseconds patience) {
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    auto deadline = Clock::now() + patience;
    while (in_flight_ > 0 && Clock::now() < deadline)
        serve(10);
}

// ---- producing ------------------------------------------------------------------------------------------------------

KafkaProducer::Outcome KafkaProducer::produce(KafkaRecord &record, void *opaque) {
    rd_kafka_topic_t *topic = topics_.of(record);
    if (topic == nullptr || (is_unplaced_ && in_flight_ > 0))
        return Outcome::busy;
    topics_.place_next();
    // clang-format off
    error_ = rd_kafka_producev(handle_,
        RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(record.copies ? RD_KAFKA_MSG_F_COPY : 0),
        RD_KAFKA_V_KEY(record.key, record.key_size),
        RD_KAFKA_V_VALUE(record.value, record.value_size),
        RD_KAFKA_V_TIMESTAMP(record.timestamp_ms),
        RD_KAFKA_V_HEADERS(record.headers.get()),
        RD_KAFKA_V_OPAQUE(opaque),
        RD_KAFKA_V_END);
    // clang-format on
    if (error_ == RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)record.headers.release(); // librdkafka's now
        taken(topic);
        return Outcome::taken;
    }
    if (topics_.is_held_back()) {
        flush(); // hurries the partition's first record, for which this one waits
        return Outcome::busy;
    }
    if (error_ == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return Outcome::busy; // until deliveries are served
    if (is_about_topic(error_)) {
        topics_.wait_for(record, error_);
        return Outcome::busy;
    }
    return is_about_content(error_) ? Outcome::refused : Outcome::failed;
}

void KafkaProducer::taken(const rd_kafka_topic_t *topic) {
    if (in_flight_++ == 0 && !absence_.expects_answer())
        absence_.heard(Clock::now());
    has_unflushed_ = true;
    is_unplaced_ = !topics_.place_taken(topic, now_);
}

// linger.ms fills batches while the stream is busy. librdkafka's threads look at the flag of rd_kafka_flush() when they wake up, so the
// call lasts a moment. The call returns earlier when everything is acknowledged.
void KafkaProducer::flush(bool insist) {
    if (in_flight_ == 0 || !(has_unflushed_ || insist))
        return;
    has_unflushed_ = false;
    if (flusher_)
        flusher_->flush();
    else
        rd_kafka_flush(handle_, flush_ms);
}

// ---- serving --------------------------------------------------------------------------------------------------------

// Serves the queue until it is empty, since the wake-up comes only when the queue becomes non-empty.
void KafkaProducer::serve(int timeout_ms) {
    uint64_t count;
    (void)!read(wakeup_, &count, sizeof(count)); // resets the eventfd
    now_ = Clock::now();
    while (rd_kafka_event_t *event = rd_kafka_queue_poll(queue_, timeout_ms)) {
        if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_STATS) // statistics come also while librdkafka stands still
            absence_.spoke(now_);
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR: serve_reports(event); break;
        case RD_KAFKA_EVENT_ERROR: serve_error(event); break;
        case RD_KAFKA_EVENT_LOG: serve_log(event); break;
        case RD_KAFKA_EVENT_STATS: listener_.statistics(rd_kafka_event_stats(event)); break;
        }
        rd_kafka_event_destroy(event);
        timeout_ms = 0;
    }
    absence_.complain_if_due(in_flight_ > 0, Clock::now());
    if (absence_.is_silent(in_flight_ > 0, Clock::now()))
        give_brokers_again();
}

// Gives librdkafka the configured addresses of the brokers again; librdkafka passes over an address that it has. librdkafka drops every
// broker that an answer of the cluster does not name, those of the configured addresses as well, and a producer was once silent for four
// minutes after a restart of the only broker.
void KafkaProducer::give_brokers_again() {
    spdlog::debug("librdkafka is silent: it gets the addresses of the brokers again");
    rd_kafka_brokers_add(handle_, brokers_.c_str());
}

// True for a delivery that no broker has acknowledged: librdkafka then knows no offset. Where a batch fails and the next one of the
// partition is accepted, librdkafka takes the first one for delivered as well, since the broker would have refused a gap
// (rd_kafka_dr_implicit_ack()). But a topic that was deleted and created again has no memory of the producer, and takes a batch whatever is
// missing before it. A batch that a broker really has, and is sent again, is acknowledged with its offset.
static bool is_unproven(const rd_kafka_message_t &message) { return message.err == RD_KAFKA_RESP_ERR_NO_ERROR && message.offset < 0; }

void KafkaProducer::serve_reports(rd_kafka_event_t *event) {
    report_++;
    while (const rd_kafka_message_t *message = rd_kafka_event_message_next(event)) {
        in_flight_--;
        rd_kafka_resp_err_t error = is_unproven(*message) ? RD_KAFKA_RESP_ERR__INCONSISTENT : message->err;
        note_report(*message, error);
        if (in_flight_ == 0)
            settled();
        listener_.reported(*message, error);
    }
}

void KafkaProducer::settled() {
    ends_.end_period();
    if (flusher_)
        flusher_->settled();
}

void KafkaProducer::note_report(const rd_kafka_message_t &message, rd_kafka_resp_err_t error) {
    if (message.partition < 0)
        return;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return topics_.failed(message);
    absence_.heard(now_);
    absence_.kafka().answered();
    if (std::optional<int64_t> before = topics_.acknowledged(message, now_))
        listener_.records_lost(fmt::format("Kafka has lost records of topic \"{}\" that it had acknowledged: partition {} had a record at "
                                           "offset {}, and the next one is now at offset {}. An unclean leader election does that, and so "
                                           "does a topic that is deleted and created again",
                                           rd_kafka_topic_name(message.rkt), message.partition, *before, message.offset));
}

void KafkaProducer::serve_error(rd_kafka_event_t *event) {
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (rd_kafka_event_error_is_fatal(event)) {
        char reason[512];
        bool is_other_node = rd_kafka_fatal_error(handle_, reason, sizeof(reason)) == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
        listener_.producer_died(rd_kafka_event_error_string(event) + std::string(is_other_node ? controller_advice : ""));
        return;
    }
    absence_.kafka().note(error, rd_kafka_event_error_string(event), Clock::now());
    spdlog::debug("Kafka: {}: {}", rd_kafka_err2name(error), rd_kafka_event_error_string(event));
}

void KafkaProducer::serve_log(rd_kafka_event_t *event) {
    const char *facility, *text;
    int level; // syslog's
    if (rd_kafka_event_log(event, &facility, &text, &level) != 0)
        return;
    absence_.kafka().note_log(level, facility, text, Clock::now());
    spdlog::debug("librdkafka {}: {}", facility, text);
}

} // namespace outbox
