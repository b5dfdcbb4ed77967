// Where events come from: the stream of one slot, a session after another. An upstream is passive: it never waits, the caller polls its
// descriptor. The relay knows no more of PostgreSQL than this and inquiry.h. Implemented by postgres/stream.h.
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

// The connection ended or never came about: try again later.
class StreamLost : public std::runtime_error {
public:
    explicit StreamLost(const std::string &what, std::string sqlstate = {}) : std::runtime_error(what), sqlstate_(std::move(sqlstate)) {}
    const std::string &sqlstate() const { return sqlstate_; }          // of the server's error; empty where there was none
    bool slot_in_use() const { return sqlstate_ == slot_in_use_code; } // by another relay, which may end at any moment

    static constexpr const char *slot_in_use_code = "55006";

private:
    std::string sqlstate_;
};

// Hears what the server says beside its answers: a text for the log, and whether it is a warning.
using NoticeListener = std::function<void(const std::string &text, bool is_warning)>;

class Upstream {
public:
    virtual ~Upstream() = default;

    virtual void on_notice(NoticeListener listener) = 0;

    // Starts to connect. Then advance() whenever the descriptor is ready, or at the deadline, until the upstream is streaming.
    virtual void open() = 0;
    virtual void close() = 0;

    virtual bool is_open() const = 0;
    virtual bool is_streaming() const = 0;
    virtual pollfd wanted() const = 0;
    virtual Clock::time_point deadline() const = 0;

    // One step towards streaming. Throws StreamLost; Failure where another attempt would change nothing.
    virtual void advance() = 0;

    // The next message; monostate: none for the moment. Throws StreamLost when the stream has ended.
    using Message = std::variant<std::monostate, CopyData, Keepalive>;
    virtual Message receive() = 0;

    // What the bytes of a CopyData mean. Another one with each stream.
    virtual Dialect &dialect() = 0;

    // Has the server sent anything since this was asked last? Also where the rest of a long message is still to come.
    virtual bool take_heard() = 0;

    // Tells the server that everything up to here is safe. Throws StreamLost.
    virtual void confirm(Lsn confirmed, bool requests_reply) = 0;

    // The server does not answer: its process is asked to end when the slot is looked at next, or the slot stays its own.
    virtual void give_up() = 0;

    // Says goodbye: once the server has answered, it has seen the last confirmation. Then receive() until has_ended().
    virtual void end() = 0;
    virtual bool has_ended() const = 0;

    // What the server and the slot were when the stream started.
    virtual const Source &source() const = 0;

    // How long the server lets a silent reader live; 0: for ever.
    virtual std::chrono::milliseconds sender_timeout() const = 0;
};

} // namespace outbox
