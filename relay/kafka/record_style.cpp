#include "kafka/record_style.h"

#include <spdlog/fmt/fmt.h>

#include <iterator>

namespace outbox {

void RecordStyle::set_topic_template(const std::string &text) {
    size_t at = text.find(topic_placeholder);
    before_topic = text.substr(0, at);
    after_topic = text.substr(at + topic_placeholder.size());
}

namespace {

void append_escape(unsigned unit, std::string &to) { fmt::format_to(std::back_inserter(to), "\\u{:04X}", unit); }

// Appends a character beyond U+FFFF, four bytes of UTF-8, as its two surrogates.
void append_surrogates(std::string_view bytes, std::string &to) {
    unsigned code = 0;
    for (char c : bytes)
        code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
    code = (code & 0x1fffff) - 0x10000;
    append_escape(0xd800 + (code >> 10), to);
    append_escape(0xdc00 + (code & 0x3ff), to);
}

} // namespace

// Escapes with hex digits in upper case, and with surrogates, as Debezium's converter does, since a key's partition depends on each byte.
void append_json_string(std::string_view text, std::string &to) {
    constexpr std::string_view letters("btn\0fr", 6); // from backspace on
    to += '"';
    for (size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        auto byte = static_cast<unsigned char>(c);
        if (byte >= 0xf0 && text.size() - i >= 4) {
            append_surrogates(text.substr(i, 4), to);
            i += 3;
        } else if (c == '"' || c == '\\') {
            (to += '\\') += c;
        } else if (byte >= 0x20) {
            to += c;
        } else if (byte >= '\b' && byte <= '\r' && letters[byte - '\b'] != '\0') {
            (to += '\\') += letters[byte - '\b'];
        } else {
            append_escape(byte, to);
        }
    }
    to += '"';
}

} // namespace outbox
