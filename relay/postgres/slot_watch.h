// Asks the server once a minute what its slot holds: how much WAL, which catalog rows, and how near it is to its end. A second short
// connection to the host of the stream, since a walsender that streams takes no questions. Never waits, and fails quietly: the stream
// does not depend on it. The caller polls. Tested by test/unit/slot_watch_test.cpp and test/t/069_slot_watch.t.
#pragma once

#include "core/sink.h"
#include "postgres/connection.h"
#include "watch/status.h"

namespace outbox {

class SlotWatch {
public:
    // `slot` is validated: [a-z0-9_]{1,63}.
    SlotWatch(std::string dsn, std::string slot) : dsn_(std::move(dsn)), slot_(std::move(slot)) {}

    // Begins to ask, where the last time is long enough ago.
    void start_if_due(const Host &host, Clock::time_point now);
    void cancel() { connection_.reset(); }

    bool is_running() const { return connection_ != nullptr; }
    pollfd wanted() const;
    Clock::time_point due_at() const { return is_running() ? deadline_ : due_at_; }

    // One step, where there is one to make; at its deadline it gives up. What it learned goes to the status.
    void advance(Status &status, Clock::time_point now);

private:
    bool is_ready() const;
    void fail(Clock::time_point now);
    bool ask();
    bool take_answer(Status &status);

    std::string dsn_, slot_;
    Connection connection_;
    PostgresPollingStatusType polling_ = PGRES_POLLING_WRITING;
    bool is_asked_ = false;
    Clock::time_point due_at_{}, deadline_;
};

// The columns of the one row that the question has: text, or null where the server has no value.
void note_slot(Status &status, const std::array<const char *, 6> &columns);

} // namespace outbox
