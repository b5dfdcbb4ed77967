// The replication stream of one slot over libpq: connect, look at the slot, start, receive, confirm. Never blocks and never waits: the
// caller polls the descriptor and calls advance(). Knows neither Kafka nor what the lines mean. Tested by test/t/.
#pragma once

#include "chunk.h"
#include "connection.h"
#include "sink.h"
#include "source.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace outbox {

// The connection ended or never came about: try again later.
class StreamLost : public std::runtime_error {
public:
    explicit StreamLost(const std::string &what, bool slot_in_use = false) : std::runtime_error(what), slot_in_use_(slot_in_use) {}
    bool slot_in_use() const { return slot_in_use_; } // by another relay, which may end at any moment

private:
    bool slot_in_use_;
};

struct StreamOptions {
    std::string dsn;
    std::string slot;      // validated: [a-z0-9_]{1,63}
    std::string topics;    // the plugin's option, validated; empty: all
    bool takeover = false; // end the process that has the slot at the start, and no other later
};

class Stream {
public:
    explicit Stream(StreamOptions options) : options_(std::move(options)) {}

    // Starts to connect. Then advance() whenever the descriptor is ready, or at its deadline, until it is streaming.
    void open();
    void close() { connection_.reset(); }

    bool is_open() const { return connection_ != nullptr; }
    bool is_streaming() const { return is_open() && phase_ == Phase::streaming; }
    pollfd wanted() const;
    Clock::time_point deadline() const { return is_streaming() ? Clock::time_point::max() : deadline_; }

    // One step towards streaming. Throws StreamLost; Failure where another attempt would change nothing.
    void advance();

    // What is next, until nothing is left. Throws StreamLost when the stream has ended.
    using Message = std::variant<std::monostate, CopyData, Keepalive>;
    Message receive();

    // Has the server sent anything since this was asked last? Also where the rest of a long message is still to come.
    bool take_heard() { return std::exchange(heard_, false); }

    // Tells the server that everything up to here is safe. Throws StreamLost.
    void confirm(Lsn confirmed, bool requests_reply);

    // The server does not answer: its process is asked to end when the slot is looked at next, or the slot stays its own.
    void give_up() { given_up_ = PQbackendPID(connection_.get()); }

    // Says goodbye: once the server has answered, it has seen the last confirmation. Then receive() until has_ended().
    void end();
    bool has_ended() const { return ended_; }

    // What the server and the slot were when the stream started.
    const Source &source() const { return source_; }

    // How long the server lets a silent reader live; 0: for ever.
    std::chrono::milliseconds sender_timeout() const { return sender_timeout_; }

private:
    // In this order; `learning` asks for the history of the server's timeline, where it has one.
    enum class Phase { connecting, pinning, identifying, learning, checking, starting, streaming };

    void connected();
    void take(const PGresult *result);
    void next_phase();
    void ask(Phase phase, const std::string &command);
    void identify(const PGresult *result);
    void check_slot(const PGresult *result);
    void started(const PGresult *result);
    std::string check_command() const;
    std::string start_command() const;
    void require_sent(int sent);
    void flush();
    bool input_is_waiting() const;
    bool is_taking_over() const { return Clock::now() < taking_over_until_; }
    [[noreturn]] void fail();

    StreamOptions options_;
    Connection connection_;
    Phase phase_ = Phase::connecting;
    PostgresPollingStatusType polling_ = PGRES_POLLING_WRITING;
    Clock::time_point deadline_;
    Clock::time_point taking_over_until_; // who had the slot is told to end
    int told_to_end_ = 0;                 // its process
    std::chrono::milliseconds sender_timeout_{60000};
    Source source_;
    bool plugin_is_1_0_ = false;
    bool unsent_ = false; // libpq holds bytes that the socket did not take
    bool ended_ = false;
    bool heard_ = false;
    int given_up_ = 0; // the process of the walsender that fell silent
};

} // namespace outbox
