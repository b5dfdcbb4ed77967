#include "kafka/topic_watch.h"

#include "core/clock.h"
#include "kafka/metadata.h"

#include <stdexcept>

namespace outbox {
namespace {

constexpr int answer_ms = 5000, slice_ms = 100;

std::string id_of(const rd_kafka_message_t &message) {
    rd_kafka_headers_t *headers = nullptr;
    const void *value = nullptr;
    size_t size = 0;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "id", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR || value == nullptr)
        return "";
    return {static_cast<const char *>(value), size};
}

TopicWatch::Arrival arrival_of(const rd_kafka_message_t &message) {
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t timestamp_ms = rd_kafka_message_timestamp(&message, &type);
    return {type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? std::optional(timestamp_ms) : std::nullopt};
}

} // namespace

TopicWatch::TopicWatch(const KafkaTarget &target, const std::string &topic, Signals &signals) : signals_(signals) {
    std::string error;
    handle_ = make_kafka_client(RD_KAFKA_CONSUMER, make_consumer_conf(target.brokers, target.properties, "read_committed"), error, &kafka_);
    if (!handle_)
        throw std::runtime_error("cannot create a Kafka client: " + error);
    topic_ = rd_kafka_topic_new(handle_.get(), topic.c_str(), nullptr);
    queue_ = rd_kafka_queue_new(handle_.get());
    rd_kafka_resp_err_t problem;
    if (Metadata metadata = ask_metadata(handle_.get(), topic_, answer_ms, problem); metadata) {
        problem = metadata->topics[0].err;
        partitions_ = metadata->topics[0].partition_cnt;
    }
    for (int partition = 0; partition < partitions_ && problem == RD_KAFKA_RESP_ERR_NO_ERROR; partition++) {
        int64_t low = 0, high = 0; // the end as an offset: the next record counts, however late the reading begins
        problem = rd_kafka_query_watermark_offsets(handle_.get(), topic.c_str(), partition, &low, &high, answer_ms);
        if (problem == RD_KAFKA_RESP_ERR_NO_ERROR && rd_kafka_consume_start_queue(topic_, partition, high, queue_) != 0)
            problem = rd_kafka_last_error();
    }
    if (problem != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_queue_destroy(queue_);
        rd_kafka_topic_destroy(topic_);
        throw std::runtime_error("topic \"" + topic + "\": " + rd_kafka_err2str(problem));
    }
}

TopicWatch::~TopicWatch() {
    for (int partition = 0; partition < partitions_; partition++)
        rd_kafka_consume_stop(topic_, partition);
    rd_kafka_queue_destroy(queue_);
    rd_kafka_topic_destroy(topic_);
}

std::optional<TopicWatch::Arrival> TopicWatch::wait_for(const std::string &id, std::chrono::milliseconds patience) {
    for (auto until = Clock::now() + patience; Clock::now() < until;) {
        std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)> message(rd_kafka_consume_queue(queue_, slice_ms),
                                                                                         rd_kafka_message_destroy);
        rd_kafka_poll(handle_.get(), 0);
        signals_.stop_if_asked();
        if (message && message->err == RD_KAFKA_RESP_ERR_NO_ERROR && id_of(*message) == id)
            return arrival_of(*message);
    }
    return std::nullopt;
}

} // namespace outbox
