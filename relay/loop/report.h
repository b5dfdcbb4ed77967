// The relay's report of itself: figures and state for the status, and lines in the log about the messages that others write into the
// stream, as few as possible. The clock is the caller's. Tested by test/unit/report_test.cpp.
#pragma once

#include "base/log.h"
#include "core/lag.h"
#include "core/session.h"
#include "core/status.h"
#include "loop/complaint.h"

#include <functional>
#include <string>

namespace outbox {

class Report {
public:
    // `on_state` is called at every turn of the loop with the relay's state. The status outlives the report.
    Report(Status &status, std::function<void(RelayState)> on_state)
        : status_(status), on_state_(std::move(on_state)), lag_(unix_ms(std::chrono::system_clock::now())) {}

    void delivered(const Chunk &chunk) {
        events_delivered_++;
        if (&chunk != timed_chunk_ || chunk.transaction() != timed_transaction_)
            time(chunk);
    }
    void end_session() { streams_ = false; }
    // A session that was streaming is lost. `sqlstate`: of the server's error; empty: the connection broke.
    void lost_session(const std::string &sqlstate) {
        status_.sessions_lost++;
        status_.tallies->reconnects.add("postgres", sqlstate.empty() ? "connection" : sqlstate);
    }
    void lost_producer() {
        status_.producers_lost++;
        status_.tallies->reconnects.add("kafka", "producer");
    }

    // The stream has a message that is no event of this relay. Anybody who may call pg_logical_emit_message() can write such messages, as
    // many as they like, so the log lines are bounded.
    void rejected(const Rejected &rejected, Clock::time_point now);

    // The server has sent a notice beside the stream.
    void noticed(const std::string &text, bool is_warning, Clock::time_point now);
    bool server_complains(Clock::time_point now) const { return complaint_.stands(now); }

    // A session streams from this source.
    void begin_session(const Source &source);
    // The relay stops while something is not delivered.
    void stopping(const Session &session, std::chrono::milliseconds grace) const;

    // Called once a turn. `confirmed` and `wal_end` are 0 where the session does not know them; the values of an earlier session still
    // count then.
    void update(RelayState state, const Sink &sink, Session &session, const Budget &budget, Lsn confirmed, Lsn wal_end,
                Clock::time_point now);

private:
    static int64_t unix_ms(std::chrono::system_clock::time_point time) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    }
    void time(const Chunk &chunk);
    void update_lag(Session &session, int64_t now_ms);

    Status &status_;
    std::function<void(RelayState)> on_state_;
    Lag lag_;
    bool streams_ = false;
    int64_t server_ahead_ms_ = 0;        // the server's clock, compared with this machine's; commit times are the server's
    const Chunk *timed_chunk_ = nullptr; // the chunk that was measured last; may be gone
    Tracker::Number timed_transaction_ = 0;
    int64_t looked_at_ms_ = SlotFigures::unknown;
    Complaint complaint_;
    uint64_t events_delivered_ = 0;
    uint64_t messages_rejected_ = 0, events_rejected_ = 0;
    Clock::time_point message_said_at_{};
    FewLines events_said_;
};

} // namespace outbox
