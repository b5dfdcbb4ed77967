#include "kafka/metadata.h"

namespace outbox {
namespace {

constexpr int slice_ms = 200; // the first wait in librdkafka, so that a signal is seen soon
constexpr int pause_ms = 10;  // after an answer that came at once and was none

Metadata ask(rd_kafka_t *handle, rd_kafka_topic_t *topic, bool all, int wait_ms, rd_kafka_resp_err_t &error) {
    const rd_kafka_metadata_t *metadata = nullptr;
    error = rd_kafka_metadata(handle, all ? 1 : 0, topic, &metadata, wait_ms);
    return Metadata(error == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata : nullptr);
}

} // namespace

Metadata ask_metadata(rd_kafka_t *handle, Asked asked, int wait_ms, rd_kafka_resp_err_t &error) {
    return ask(handle, nullptr, asked == Asked::all_topics, wait_ms, error);
}

Metadata ask_metadata(rd_kafka_t *handle, rd_kafka_topic_t *topic, int wait_ms, rd_kafka_resp_err_t &error) {
    return ask(handle, topic, false, wait_ms, error);
}

std::optional<int> count_partitions(rd_kafka_t *handle, const std::string &name, const GrowingWait &wait, rd_kafka_resp_err_t &error) {
    std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>> topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
    Metadata metadata = ask_metadata(handle, topic.get(), wait.ms(), error);
    if (!metadata)
        return std::nullopt;
    if (metadata->topic_cnt != 1)
        return 0;
    error = metadata->topics[0].err;
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
}

bool ask_until(Clock::duration patience, rd_kafka_t *handle, const Reachability &kafka, Signals &signals,
               const std::function<bool(int wait_ms)> &ask) {
    GrowingWait wait(slice_ms);
    for (auto until = Clock::now() + patience; Clock::now() < until && !kafka.is_refused_for_good(Clock::now()); wait.was_short()) {
        bool is_answered = ask(wait.ms());
        rd_kafka_poll(handle, is_answered ? 0 : pause_ms);
        signals.stop_if_asked();
        if (is_answered)
            return true;
    }
    return false;
}

std::string reason_of(const Reachability &kafka, rd_kafka_resp_err_t error) {
    return kafka.is_away() ? kafka.sentence() : rd_kafka_err2str(error);
}

} // namespace outbox
