#include "kafka/topic_lookup.h"

#include "kafka/metadata.h"

#include <algorithm>

namespace outbox {

void TopicLookup::open(rd_kafka_t *handle, int wakeup) {
    handle_ = handle;
    wakeup_ = wakeup;
}

void TopicLookup::close() { call_.join(); }

void TopicLookup::ask(const std::string &name, rd_kafka_topic_t *topic) {
    name_ = name;
    start(topic);
}

void TopicLookup::ask_for_all(const std::string &name) {
    name_ = name;
    start(nullptr);
}

void TopicLookup::start(rd_kafka_topic_t *topic) {
    is_for_all_ = topic == nullptr;
    int timeout_ms = is_for_all_ ? GrowingWait::most_ms : wait_.ms();
    call_.start([handle = handle_, topic, timeout_ms] { return look_up(handle, topic, timeout_ms); }, wakeup_);
}

std::optional<TopicLookup::Answer> TopicLookup::take() {
    std::optional<Answer> answer = call_.take();
    if (answer && answer->error == RD_KAFKA_RESP_ERR__TIMED_OUT) // a broker is there, and was slow
        wait_.was_short();
    return answer;
}

TopicLookup::Answer TopicLookup::look_up(rd_kafka_t *handle, rd_kafka_topic_t *topic, int timeout_ms) {
    Answer answer;
    Metadata metadata = topic == nullptr ? ask_metadata(handle, Asked::all_topics, timeout_ms, answer.error)
                                         : ask_metadata(handle, topic, timeout_ms, answer.error);
    for (int i = 0; metadata && i < std::min(metadata->topic_cnt, topics_max); i++)
        answer.topics.emplace(metadata->topics[i].topic, metadata->topics[i].err);
    return answer;
}

} // namespace outbox
