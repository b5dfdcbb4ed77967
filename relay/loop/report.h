// What the relay says of itself: counts and state for the status, and lines in the log about what others write into the stream, as few as
// it takes. The clock is the caller's. Tested by test/unit/report_test.cpp.
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
    // `on_state` hears at every turn how the relay is. The status outlives the report.
    Report(Status &status, std::function<void(RelayState)> on_state)
        : status_(status), on_state_(std::move(on_state)), lag_(unix_ms(std::chrono::system_clock::now())) {}

    void delivered(const Chunk &chunk) {
        events_delivered_++;
        if (&chunk != timed_chunk_ || chunk.transaction() != timed_transaction_)
            time(chunk);
    }
    void end_session() { streams_ = false; }
    // One that was streaming. `sqlstate`: of the server's error; empty: the connection broke.
    void lost_session(const std::string &sqlstate) {
        status_.sessions_lost++;
        status_.tallies->reconnects.add("postgres", sqlstate.empty() ? "connection" : sqlstate);
    }
    void lost_producer() {
        status_.producers_lost++;
        status_.tallies->reconnects.add("kafka", "producer");
    }

    // Anybody who may call pg_logical_emit_message() can write such messages, as many as they like.
    void rejected(const Rejected &rejected, Clock::time_point now);

    // What the server says beside the stream.
    void noticed(const std::string &text, bool is_warning, Clock::time_point now);
    bool server_complains(Clock::time_point now) const { return complaint_.stands(now); }

    // A session streams from here.
    void begin_session(const Source &source);
    // The relay stops, and something is not delivered yet.
    void stopping(const Session &session, std::chrono::milliseconds grace) const;

    // Once a turn. `confirmed` and `wal_end` are 0 where the session does not know them: then what an earlier one knew still counts.
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
    int64_t server_ahead_ms_ = 0;        // its clock, which commit times are of
    const Chunk *timed_chunk_ = nullptr; // the last one, which may be gone
    Tracker::Number timed_transaction_ = 0;
    int64_t looked_at_ms_ = SlotFigures::unknown;
    Complaint complaint_;
    uint64_t events_delivered_ = 0;
    uint64_t messages_rejected_ = 0, events_rejected_ = 0;
    Clock::time_point message_said_at_{};
    FewLines events_said_;
};

} // namespace outbox
