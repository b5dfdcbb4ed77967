// The names that topics have in Kafka, for commands that look at topics or make them. Tested by test/t/175_doctor_topics.t.
#pragma once

#include "kafka/record_style.h"

#include <string>

namespace outbox {

// Kafka's name for the topic that emit() named.
inline std::string name_in_kafka(const RecordStyle &style, const std::string &topic) {
    std::string scratch;
    return std::string(style.topic(topic, scratch));
}

// The text of --topic-template; empty where topics have their own names in Kafka.
inline std::string topic_template(const RecordStyle &style) {
    return style.before_topic.empty() && style.after_topic.empty()
               ? ""
               : style.before_topic + std::string(topic_placeholder) + style.after_topic;
}

} // namespace outbox
