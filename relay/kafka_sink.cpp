#include "kafka_sink.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace outbox {
namespace {

constexpr size_t topics_max = 1024;  // handles kept; with more topics in use they are made anew
constexpr int topic_lookup_ms = 500; // the only call that waits, and only for a topic's first record
constexpr int flush_ms = 1;
constexpr int take_back_ms = 1000;            // when a producer is given up
constexpr size_t record_overhead_bytes = 256; // librdkafka's, without headers (measured: 195)
constexpr size_t header_overhead_bytes = 110;

bool is_about_content(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

bool is_about_topic(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

std::string_view id_of(const rd_kafka_message_t *message) {
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "id", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return "(unknown)";
    return {static_cast<const char *>(value), size};
}

} // namespace

KafkaSink::KafkaSink(KafkaTarget &target, DeliveryListener &listener) : target_(target), listener_(listener) {
    KafkaConf conf = make_kafka_conf(target.brokers, target.properties);
    if (target.batch_bytes != 0)
        rd_kafka_conf_set(conf.get(), "batch.size", std::to_string(target.batch_bytes).c_str(), nullptr, 0);
    char batch_size[32];
    size_t size = sizeof(batch_size);
    if (rd_kafka_conf_get(conf.get(), "batch.size", batch_size, &size) == RD_KAFKA_CONF_OK)
        batch_bytes_ = strtoull(batch_size, nullptr, 10);
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rd_kafka_conf_set(conf.get(), "log.queue", "true", nullptr, 0);

    char error[512];
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error, sizeof(error));
    if (producer_ == nullptr)
        throw std::runtime_error(std::string("cannot create a Kafka producer: ") + error);
    conf.release(); // the producer's now
    queue_ = rd_kafka_queue_get_main(producer_);
    rd_kafka_set_log_queue(producer_, queue_);

    wakeup_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wakeup_ < 0)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue_, wakeup_, &one, sizeof(one));
}

KafkaSink::~KafkaSink() {
    is_closing_ = true;
    take_back();
    topics_.clear();
    rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
    rd_kafka_queue_destroy(queue_);
    rd_kafka_destroy(producer_);
    close(wakeup_);
}

// Ends what is in flight, one way or the other: what is still queued refers to chunks.
void KafkaSink::take_back() {
    rd_kafka_purge(producer_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    auto deadline = Clock::now() + std::chrono::milliseconds(take_back_ms);
    while (in_flight_ > 0 && Clock::now() < deadline)
        serve_queue(10);
}

// ---- offering -------------------------------------------------------------------------------------------------------

bool KafkaSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    // A topic that may be looked at but not written to shows only by a record: one alone, so that nothing is repeated for it.
    bool is_suspect = event.topic == target_.suspect;
    if (is_trying_suspect_ || (is_suspect && in_flight_ > 0))
        return false;
    rd_kafka_topic_t *topic = topic_of(event.topic);
    if (topic == nullptr)
        return false;

    std::string_view key = event.key ? unescape(*event.key, key_) : std::string_view();
    const char *key_data = event.key ? key.data() : nullptr;
    size_t cost = record_overhead_bytes + key.size();
    void *value = nullptr;
    size_t value_size = event.payload.size();
    int flags = 0;
    if (event.payload_kind == PayloadKind::json) {
        value = chunk.writable(event.payload);
    } else if (event.payload_kind == PayloadKind::base64) { // the one payload that is not in the chunk as Kafka gets it
        bytes_.assign(event.payload);
        value_size = decode_base64(bytes_.data(), bytes_.size());
        value = bytes_.data();
        flags = RD_KAFKA_MSG_F_COPY;
        cost += value_size;
    }
    rd_kafka_headers_t *headers = make_headers(event, cost);

    // clang-format off
    rd_kafka_resp_err_t error = rd_kafka_producev(producer_,
        RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(flags),
        RD_KAFKA_V_KEY(key_data, key.size()),
        RD_KAFKA_V_VALUE(value, value_size),
        RD_KAFKA_V_TIMESTAMP(transaction.commit_time_ms),
        RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(&chunk),
        RD_KAFKA_V_END);
    // clang-format on
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        chunk.retain(cost);
        in_flight_++;
        has_unflushed_ = true;
        is_trying_suspect_ = is_suspect;
        return true;
    }
    rd_kafka_headers_destroy(headers);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false; // until deliveries are served
    if (is_about_topic(error)) {
        say(topic_, fmt::format("waiting for topic \"{}\": {}", event.topic, rd_kafka_err2str(error)));
        topics_.erase(std::string(event.topic));
        look_again_later();
        return false;
    }
    if (is_about_content(error))
        throw PoisonedEvent(fmt::format("Kafka cannot take event {} of topic \"{}\" ({} bytes): {}", event.id, event.topic, value_size,
                                        rd_kafka_err2str(error)));
    if (failure_.empty())
        failure_ = fmt::format("topic \"{}\": {}", event.topic, rd_kafka_err2str(error));
    is_dead_ = true;
    serve(); // throws: the reason, where a delivery report has it
    throw SinkFailure("the Kafka producer failed");
}

// linger.ms fills batches while the stream is busy. This ends the linger of what is queued: librdkafka looks at the flag when its threads
// wake up, so it has to stand for a moment; when all is acknowledged earlier, the call returns earlier.
void KafkaSink::flush() {
    if (!has_unflushed_)
        return;
    rd_kafka_flush(producer_, flush_ms);
    has_unflushed_ = false;
}

// Null where the topic is not ready; the stream then waits.
rd_kafka_topic_t *KafkaSink::topic_of(std::string_view name) {
    name_.assign(name);
    if (auto known = topics_.find(name_); known != topics_.end())
        return known->second.get();
    if (retry_at_ != Clock::time_point::max() && Clock::now() < retry_at_)
        return nullptr;
    Topic topic(rd_kafka_topic_new(producer_, name_.c_str(), nullptr));
    if (!topic)
        throw SinkFailure(fmt::format("topic \"{}\": {}", name_, rd_kafka_err2str(rd_kafka_last_error())));
    if (!topic_is_ready(topic.get()))
        return nullptr;
    if (topics_.size() >= topics_max)
        topics_.clear(); // records in flight hold their own references
    return topics_.emplace(name_, std::move(topic)).first->second.get();
}

bool KafkaSink::topic_is_ready(rd_kafka_topic_t *topic) {
    const rd_kafka_metadata_t *metadata = nullptr;
    rd_kafka_resp_err_t error = rd_kafka_metadata(producer_, 0, topic, &metadata, topic_lookup_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            retry_at_ = Clock::time_point::max();
            topic_backoff_.reset();
            if (topic_.clear())
                spdlog::info("topic \"{}\" is there", rd_kafka_topic_name(topic));
            return true;
        }
        say(topic_, fmt::format("waiting for topic \"{}\": {}", rd_kafka_topic_name(topic), rd_kafka_err2str(error)));
    } else {
        say(brokers_, "Kafka cannot be reached; waiting for it");
    }
    look_again_later();
    return false;
}

void KafkaSink::look_again_later() { retry_at_ = Clock::now() + topic_backoff_.next(); }

rd_kafka_headers_t *KafkaSink::make_headers(const Event &event, size_t &cost) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    auto add = [&](std::string_view name, std::string_view value) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(), static_cast<ssize_t>(value.size()));
        cost += header_overhead_bytes + name.size() + value.size();
    };
    add("id", event.id);
    if (!event.type.empty())
        add("type", unescape(event.type, text_));
    std::string_view own = event.headers;
    while (std::optional<Header> header = next_header(own))
        add(unescape(header->name, name_), unescape(header->value, text_));
    return headers;
}

// ---- serving --------------------------------------------------------------------------------------------------------

void KafkaSink::serve() {
    uint64_t count;
    while (read(wakeup_, &count, sizeof(count)) > 0) {
    }
    serve_queue(0);
    if (is_dead_)
        take_back(); // among it the reason, if it is an event that Kafka refuses
    if (refused_ > 0)
        throw_refusal();
    if (!failure_.empty())
        throw SinkFailure(std::exchange(failure_, {}));
}

// The wake-up comes when the queue is no longer empty: leaves nothing in it.
void KafkaSink::serve_queue(int timeout_ms) {
    while (rd_kafka_event_t *event = rd_kafka_queue_poll(queue_, timeout_ms)) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR: serve_deliveries(event); break;
        case RD_KAFKA_EVENT_ERROR: serve_error(event); break;
        case RD_KAFKA_EVENT_LOG: serve_log(event); break;
        }
        rd_kafka_event_destroy(event);
        timeout_ms = 0;
    }
}

void KafkaSink::serve_deliveries(rd_kafka_event_t *event) {
    while (const rd_kafka_message_t *message = rd_kafka_event_message_next(event)) {
        auto *chunk = static_cast<Chunk *>(message->_private);
        if (is_closing_) {
            // nobody listens any more
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            listener_.delivered(*chunk);
            if (is_trying_suspect_) {
                is_trying_suspect_ = false;
                target_.suspect.clear();
            }
            if (brokers_.clear())
                spdlog::info("Kafka accepts events again");
        } else {
            note_failure(message);
        }
        chunk->release();
        in_flight_--;
    }
}

void KafkaSink::note_failure(const rd_kafka_message_t *message) {
    const char *topic = rd_kafka_topic_name(message->rkt), *error = rd_kafka_err2str(message->err);
    if (is_about_topic(message->err))
        target_.suspect = topic;
    if (!is_about_content(message->err)) {
        if (failure_.empty())
            failure_ = fmt::format("topic \"{}\": {}", topic, error);
        return;
    }
    refused_++;
    refused_bytes_ += message->len + message->key_len;
    if (refused_ == 1 || message->len > largest_refused_) {
        largest_refused_ = message->len;
        refusal_ = fmt::format("Kafka refuses event {} of topic \"{}\" ({} bytes): {}", id_of(message), topic, message->len, error);
    }
}

// Kafka refuses whole batches. One record alone is refused for itself; several may each be good, so they come again in smaller batches,
// until the guilty one is alone.
void KafkaSink::throw_refusal() {
    bool alone = refused_ == 1;
    if (!alone)
        target_.batch_bytes = std::max<size_t>(1, std::min(batch_bytes_, refused_bytes_) / 8);
    refused_ = refused_bytes_ = 0;
    failure_.clear();
    if (alone)
        throw PoisonedEvent(refusal_);
    throw SinkFailure(
        fmt::format("{}, or the batch it was sent in; sending batches of {} bytes from now on", refusal_, target_.batch_bytes));
}

void KafkaSink::serve_error(rd_kafka_event_t *event) {
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (rd_kafka_event_error_is_fatal(event)) {
        is_dead_ = true;
        failure_ = fmt::format("the Kafka producer failed: {}", rd_kafka_event_error_string(event));
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        say(brokers_, "Kafka cannot be reached; waiting for it");
    } else if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL) {
        say(brokers_, fmt::format("Kafka refuses the connection: {}", rd_kafka_event_error_string(event)));
    } else {
        spdlog::debug("Kafka: {}: {}", rd_kafka_err2name(error), rd_kafka_event_error_string(event));
    }
}

void KafkaSink::serve_log(rd_kafka_event_t *event) {
    const char *facility, *text;
    int level; // syslog's
    if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
        spdlog::debug("librdkafka {}: {}", facility, text);
}

void KafkaSink::say(Condition &condition, const std::string &text) {
    if (condition.changed(text))
        spdlog::warn("{}", text);
}

} // namespace outbox
