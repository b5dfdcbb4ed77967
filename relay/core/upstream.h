// A place that events come from: the stream of one slot, one session after the other. An upstream is passive: no call waits, and the caller
// polls wanted(). The relay knows no more of PostgreSQL than this file and inquiry.h. Implemented by postgres/stream.h.
#pragma once

#include "core/chunk.h"
#include "core/clock.h"
#include "core/dialect.h"
#include "core/source.h"

#include <poll.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace outbox {

// The connection has ended, or none came about. The relay tries again later.
class StreamLost : public std::runtime_error {
public:
    explicit StreamLost(const std::string &what, std::string sqlstate = {}) : std::runtime_error(what), sqlstate_(std::move(sqlstate)) {}
    const std::string &sqlstate() const { return sqlstate_; }          // of the server's error; empty: the server sent none
    bool slot_in_use() const { return sqlstate_ == slot_in_use_code; } // another relay has the slot, and may end at any moment

    static constexpr const char *slot_in_use_code = "55006";

private:
    std::string sqlstate_;
};

// Hears the server's notices: a text for the log, and whether the text is a warning.
using NoticeListener = std::function<void(const std::string &text, bool is_warning)>;

class Upstream {
public:
    virtual ~Upstream() = default;

    virtual void on_notice(NoticeListener listener) = 0;

    // open() starts to connect. The caller then calls advance() whenever the descriptor is ready, and at the deadline, until
    // is_streaming().
    virtual void open() = 0;
    virtual void close() = 0;

    virtual bool is_open() const = 0;
    virtual bool is_streaming() const = 0;
    virtual pollfd wanted() const = 0;
    virtual Clock::time_point deadline() const = 0;

    // One step towards streaming. Throws StreamLost, and Failure where another attempt would change nothing.
    virtual void advance() = 0;

    // The next message; monostate: none has arrived. Throws StreamLost when the stream has ended.
    using Message = std::variant<std::monostate, CopyData, Keepalive>;
    virtual Message receive() = 0;

    // The dialect of the stream's bytes. Each stream has its own.
    virtual Dialect &dialect() = 0;

    // Whether the server has sent anything since the last call, be it a part of a long message. Each call begins a new period.
    virtual bool take_heard() = 0;

    // Tells the server that everything up to the LSN is delivered, and may be forgotten. Throws StreamLost.
    virtual void confirm(Lsn confirmed, bool requests_reply) = 0;

    // The server does not answer. The next look at the slot ends the server's walsender, which would keep the slot otherwise.
    virtual void give_up() = 0;

    // Ends the stream in good order: once the server has answered, it has seen the last confirmation. The caller calls receive() until
    // has_ended().
    virtual void end() = 0;
    virtual bool has_ended() const = 0;

    // The server and the slot as they were when the stream started.
    virtual const Source &source() const = 0;

    // The server's wal_sender_timeout, after which the server ends the connection of a silent reader; 0: never.
    virtual std::chrono::milliseconds sender_timeout() const = 0;
};

} // namespace outbox
