// The form that an operator wants for records: names of topics, form of keys, names of headers. The default is the relay's own form, and
// costs nothing. Pure. Tested by test/unit/record_style_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outbox {

enum class HeaderStyle : uint8_t {
    plain,       // id, type, and the event's own headers
    debezium,    // id, and the event's own headers: as Debezium's outbox event router has them
    cloudevents, // the attributes of CloudEvents 1.0 in binary mode: cloud_event.h
};
enum class KeyStyle : uint8_t {
    text, // the key itself
    json, // a JSON string, byte for byte as Debezium's JSON converter writes the string
};

struct RecordStyle {
    HeaderStyle headers = HeaderStyle::plain;
    KeyStyle key = KeyStyle::text;
    std::string before_topic = {}, after_topic = {}; // the text around {topic} in --topic-template
    std::string source = {};                         // CloudEvents' attribute `source`
    bool has_lsn = false;                            // records have the header outbox-lsn

    static constexpr size_t topic_max = 249; // Kafka's limit, in bytes

    // Kafka's name for the topic that emit() named: the argument, or a view of `scratch`. The name may be longer than Kafka allows.
    std::string_view topic(std::string_view name, std::string &scratch) const {
        if (before_topic.empty() && after_topic.empty())
            return name;
        return scratch.assign(before_topic).append(name).append(after_topic);
    }

    // Takes a template such as "outbox.event.{topic}", which has been checked.
    void set_topic_template(const std::string &text);
};

constexpr std::string_view topic_placeholder = "{topic}";

// Appends the text as a JSON string with its quotes.
void append_json_string(std::string_view text, std::string &to);

} // namespace outbox
