// An envelope, read: a line of JSON, as emit writes it. Only its head is looked at; the payload is passed on. Everything found is a view
// into the line. Knows neither libpq nor librdkafka. Tested by test/unit/envelope_test.cpp, with decode.h.
// The writing side: outbox_ext/envelope.h. The contract itself: outbox_ext/contract/rules.h.
#pragma once

#include "core/wire.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace outbox {

// The stream is not what this relay reads: the plugin is of another version, or something else writes there. Never holds its content.
class FormatError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class PayloadKind { json, base64, none };

struct Event {
    std::string_view line;
    std::string_view topic;
    std::optional<std::string_view> key; // key, type and headers still have JSON's escapes: see unescape
    std::string_view id;
    std::string_view type;    // empty: none
    std::string_view headers; // what stands between the braces; empty: none
    std::string_view payload; // JSON as it stands, or base64 without quotes
    PayloadKind payload_kind = PayloadKind::none;
    uint64_t ordinal = 0; // in its transaction, from 1: the session's count
};

// Both throw FormatError. Into an event that is new, where the caller has a place for it.
Event parse_event(std::string_view line);
void parse_event(std::string_view line, Event &event);

// Takes the first name and value off what Event::headers holds; nullopt at the end.
struct Header {
    std::string_view name;
    std::string_view value; // with JSON's escapes, or the base64 of bytes
    bool is_base64 = false;
};
std::optional<Header> next_header(std::string_view &headers);

} // namespace outbox
