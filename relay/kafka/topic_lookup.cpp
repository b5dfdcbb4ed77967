#include "kafka/topic_lookup.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace outbox {

void TopicLookup::open(rd_kafka_t *handle, int wakeup) {
    handle_ = handle;
    wakeup_ = wakeup;
}

void TopicLookup::close() {
    if (thread_.joinable())
        thread_.join();
    answer_ = {};
}

void TopicLookup::ask(const std::string &name, rd_kafka_topic_t *topic) {
    name_ = name;
    start(topic, topic_ms);
}

void TopicLookup::ask_for_all(const std::string &name) {
    name_ = name;
    start(nullptr, all_ms);
}

// The promise is kept before the loop is woken, so that the loop never looks too early.
void TopicLookup::start(rd_kafka_topic_t *topic, int timeout_ms) {
    close();
    is_for_all_ = topic == nullptr;
    std::promise<Answer> promise;
    answer_ = promise.get_future();
    thread_ = std::jthread([promise = std::move(promise), handle = handle_, wakeup = wakeup_, topic, timeout_ms]() mutable {
        promise.set_value(look_up(handle, topic, timeout_ms));
        uint64_t one = 1;
        [[maybe_unused]] ssize_t written = write(wakeup, &one, sizeof(one));
    });
}

TopicLookup::Answer TopicLookup::look_up(rd_kafka_t *handle, rd_kafka_topic_t *topic, int timeout_ms) {
    const rd_kafka_metadata_t *metadata = nullptr;
    Answer answer;
    answer.error = rd_kafka_metadata(handle, topic == nullptr ? 1 : 0, topic, &metadata, timeout_ms);
    if (answer.error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return answer;
    for (int i = 0; i < std::min(metadata->topic_cnt, topics_max); i++)
        answer.topics.emplace(metadata->topics[i].topic, metadata->topics[i].err);
    rd_kafka_metadata_destroy(metadata);
    return answer;
}

std::optional<TopicLookup::Answer> TopicLookup::take() {
    if (!is_asking() || answer_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
        return std::nullopt;
    return std::exchange(answer_, {}).get();
}

} // namespace outbox
