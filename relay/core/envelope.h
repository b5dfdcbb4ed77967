// The lines of the stream, read: begin, envelope, rejected, commit, ahead. Only the head of an envelope is looked at; its payload is passed
// on. Everything found is a view into the line. Knows neither libpq nor librdkafka. Tested by test/unit/envelope_test.cpp, with decode.h.
// The writing side and the contract itself: outbox_ext/envelope.h, outbox_ext/plugin.cpp.
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

struct Begin {
    Lsn end;                // of the commit record
    int64_t commit_time_ms; // since 1970
    std::string_view commit_time;
};

struct Commit {
    Lsn end; // the same as at the transaction's begin
    uint64_t events;
};

struct Rejected {
    std::string_view lsn;
    std::string_view reason;
    std::string_view id = {}; // of an event, of a topic that is none for events; empty: it is no event at all
    std::string_view topic = {};
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
    PayloadKind payload_kind;
    uint64_t ordinal; // in its transaction, from 1: the session's count
};

enum class LineKind { begin, envelope, rejected, commit, ahead };

// Each throws FormatError.
LineKind kind_of(std::string_view line);
Begin parse_begin(std::string_view line);
Commit parse_commit(std::string_view line);
Rejected parse_rejected(std::string_view line);
bool parse_ahead(std::string_view line);
Event parse_event(std::string_view line);

// Takes the first name and value off what Event::headers holds; nullopt at the end.
struct Header {
    std::string_view name;
    std::string_view value;
};
std::optional<Header> next_header(std::string_view &headers);

} // namespace outbox
