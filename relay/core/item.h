// What a stream consists of, whichever output plugin wrote it: a transaction begins, has events, and ends with its commit; messages in it
// may be rejected. Items are what a dialect makes of the bytes and what a session takes. Pure data; the views look into the bytes.
#pragma once

#include "core/envelope.h"
#include "core/wire.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace outbox {

struct Begin {
    Lsn commit{};               // names the transaction: a place in its commit record, behind the record's start and not behind its end
    std::optional<Lsn> end;     // of the commit record; nullopt: only the Commit tells
    int64_t commit_time_ms = 0; // since 1970
};

struct Commit {
    Lsn end{}; // of the commit record: the one position that may be confirmed for the transaction
    uint64_t events = 0;
};

struct Rejected {
    Lsn lsn{}; // of the message, or of the event's transaction
    std::string_view reason;
    std::string_view id = {}; // of an event, of a topic that is none for events; empty: it is no event at all
    std::string_view topic = {};
};

// Whether the server has read the WAL beyond what it has sent.
struct Ahead {
    bool is_ahead = false;
};

using Item = std::variant<Begin, Event, Rejected, Commit, Ahead>;

} // namespace outbox
