#include "kafka/record_style.h"

namespace outbox {

void RecordStyle::set_topic_template(const std::string &text) {
    size_t at = text.find(topic_placeholder);
    before_topic = text.substr(0, at);
    after_topic = text.substr(at + topic_placeholder.size());
}

// Digits in upper case: Debezium's converter has them so, and a key's partition depends on each byte.
void append_json_string(std::string_view text, std::string &to) {
    constexpr char digits[] = "0123456789ABCDEF";
    constexpr std::string_view letters("btn\0fr", 6); // from backspace on
    to += '"';
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            (to += '\\') += c;
        } else if (byte >= 0x20) {
            to += c;
        } else if (byte >= '\b' && byte <= '\r' && letters[byte - '\b'] != '\0') {
            (to += '\\') += letters[byte - '\b'];
        } else {
            to += "\\u00";
            (to += digits[byte >> 4]) += digits[byte & 15];
        }
    }
    to += '"';
}

} // namespace outbox
