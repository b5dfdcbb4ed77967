// Reads an envelope: a line of JSON, as emit writes it. The reader looks at the envelope's head only and passes the payload on. Every
// result is a view into the line. Knows neither libpq nor librdkafka. Tested by test/unit/envelope_test.cpp. outbox_ext/envelope.h is the
// writing side, outbox_ext/contract/rules.h the contract.
#pragma once

#include "core/wire.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace outbox {

// The stream is not one that this relay reads: the plugin is of another version, or something else writes there. The text has nothing of
// the stream's content.
class FormatError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class PayloadKind { json, base64, none };

struct Event {
    std::string_view line;
    std::string_view topic;
    std::optional<std::string_view> key; // key, type and headers still have JSON's escapes: see unescape()
    std::string_view id;
    std::string_view type;    // empty: none
    std::string_view headers; // the text between the braces; empty: none
    std::string_view payload; // JSON as it stands, or base64 without quotes
    PayloadKind payload_kind = PayloadKind::none;
    uint64_t ordinal = 0; // the number of the event in its transaction, from 1, as the session counts
};

// Both throw FormatError. The second form fills `event`, which must be new.
Event parse_event(std::string_view line);
void parse_event(std::string_view line, Event &event);

// Takes the first name and value off the text of Event::headers; nullopt at the end.
struct Header {
    std::string_view name;
    std::string_view value; // with JSON's escapes, or the base64 of bytes
    bool is_base64 = false;
};
std::optional<Header> next_header(std::string_view &headers);

} // namespace outbox
