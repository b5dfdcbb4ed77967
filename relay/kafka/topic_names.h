// The names that topics have in Kafka, for commands that look at topics or make them. Tested by test/t/175_doctor_topics.t.
#pragma once

#include "kafka/target.h"

#include <string>

namespace outbox {

// Kafka's name for the topic that emit() named.
inline std::string name_in_kafka(const RecordStyle &style, const std::string &topic) {
    std::string scratch;
    return std::string(style.topic(topic, scratch));
}

// KafkaTarget::is_reserved, for a name that is Kafka's already.
inline bool is_own_topic(const KafkaTarget &kafka, const std::string &name) {
    return name.starts_with("__") || name == kafka.state_topic || name == kafka.dead_letter_topic;
}

// What --topic-template would say; empty where topics have their own names in Kafka.
inline std::string topic_template(const RecordStyle &style) {
    return style.before_topic.empty() && style.after_topic.empty()
               ? ""
               : style.before_topic + std::string(topic_placeholder) + style.after_topic;
}

} // namespace outbox
