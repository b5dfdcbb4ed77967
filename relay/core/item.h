// The items of a stream, whichever output plugin wrote the stream: a transaction begins, has events, and ends with its commit; a message of
// the transaction may be rejected. A dialect makes items of bytes, and a session takes the items. Pure data, whose views look into the
// bytes.
#pragma once

#include "core/envelope.h"
#include "core/wire.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace outbox {

struct Begin {
    Lsn commit{}; // names the transaction: a place in its commit record, behind the record's start and not behind the record's end
    std::optional<Lsn> end;     // of the commit record; nullopt: only the Commit says where the record ends
    int64_t commit_time_ms = 0; // since 1970
};

struct Commit {
    Lsn end{}; // of the commit record: the one position that may be confirmed for the transaction
    uint64_t events = 0;
};

struct Rejected {
    Lsn lsn{}; // of the message, or of the event's transaction
    std::string_view reason;
    std::string_view id = {}; // of an event whose topic is not for events; empty: the message is no event
    std::string_view topic = {};
};

// Says whether the server has read the WAL beyond the events that the server has sent.
struct Ahead {
    bool is_ahead = false;
};

using Item = std::variant<Begin, Event, Rejected, Commit, Ahead>;

} // namespace outbox
