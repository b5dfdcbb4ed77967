// The replication stream of one slot over libpq: connects, looks at the slot, starts, receives, confirms. No call blocks or waits: the
// caller polls the descriptor and calls advance(). Knows neither Kafka nor the meaning of the bytes, which is the dialect's. Tested by
// test/t/004_kill_postgres.t and test/t/010_start_order.t.
#pragma once

#include "core/upstream.h"
#include "postgres/connector.h"

#include <memory>
#include <string>
#include <utility>

namespace outbox {

struct StreamOptions {
    Login login;
    std::string slot;                                // validated: [a-z0-9_]{1,63}
    std::string topics;                              // the value of the plugin option `topics`, validated; empty: all
    std::string reset_command = {};                  // for messages: setup with --reset-state and the relay's options
    bool takeover = false;                           // ends the process that has the slot at the start, and none later
    std::chrono::milliseconds answer_timeout{15000}; // for each host, and for all questions before the stream runs
};

class Stream : public Upstream {
public:
    explicit Stream(StreamOptions options) : options_(std::move(options)), connector_(options_.login, options_.answer_timeout) {}

    void on_notice(NoticeListener listener) override { connector_.on_notice(std::move(listener)); }

    void open() override;
    void close() override;

    bool is_open() const override { return connector_.is_running() || connection_ != nullptr; }
    bool is_streaming() const override { return is_open() && phase_ == Phase::streaming; }
    pollfd wanted() const override;
    Clock::time_point deadline() const override;

    void advance() override;
    Message receive() override;
    Dialect &dialect() override { return *dialect_; }
    bool take_heard() override { return std::exchange(heard_, false); }

    void confirm(Lsn confirmed, bool requests_reply) override;
    void give_up() override;
    void end() override;
    bool has_ended() const override { return ended_; }

    const Source &source() const override { return source_; }
    std::chrono::milliseconds sender_timeout() const override { return sender_timeout_; }

    // The stream's host, for other connections to the same server.
    Host host() const { return host_of(connection_.get()); }

private:
    // The phases come in this order; `learning` asks for the history of the server's timeline, where there is one.
    enum class Phase { connecting, pinning, identifying, learning, checking, unconverting, starting, streaming };

    void greet();
    void converse();
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
    Connector connector_;
    Connection connection_; // set once the server has let the relay in
    Phase phase_ = Phase::connecting;
    Clock::time_point deadline_;          // of the questions before the stream runs
    Clock::time_point taking_over_until_; // the process that had the slot has been told to end
    int told_to_end_ = 0;                 // that process
    std::chrono::milliseconds sender_timeout_{60000};
    Source source_;
    std::unique_ptr<Dialect> dialect_; // set once the slot's plugin is known
    bool unsent_ = false;              // libpq holds bytes that the socket did not take
    bool ended_ = false;
    bool heard_ = false;
    int given_up_ = 0; // the process of the walsender that fell silent
};

} // namespace outbox
