// Asks the server once a minute what its slot holds: how much WAL, which catalog rows, and how near it is to its end. A second short
// connection to the host of the stream, since a walsender that streams takes no questions. Never waits, and fails quietly: the stream
// does not depend on it. The caller polls. Tested by test/unit/slot_watch_test.cpp and test/t/069_slot_watch.t.
#pragma once

#include "core/inquiry.h"
#include "core/status.h"
#include "postgres/stream.h"

namespace outbox {

class SlotWatch : public SlotInquiry {
public:
    // The stream and the status outlive it. The slot's name is validated: [a-z0-9_]{1,63}.
    SlotWatch(std::string dsn, std::string slot, const Stream &stream, Status &status)
        : dsn_(std::move(dsn)), slot_(std::move(slot)), stream_(stream), status_(status) {}

    void start_if_due(Clock::time_point now) override;
    void cancel() override { connection_.reset(); }

    bool is_running() const override { return connection_ != nullptr; }
    pollfd wanted() const override;
    Clock::time_point due_at() const override { return is_running() ? deadline_ : due_at_; }

    // At its deadline it gives up.
    void advance(Clock::time_point now) override;

private:
    bool is_ready() const;
    void fail(Clock::time_point now);
    bool ask();
    bool take_answer();

    std::string dsn_, slot_;
    const Stream &stream_;
    Status &status_;
    Connection connection_;
    PostgresPollingStatusType polling_ = PGRES_POLLING_WRITING;
    bool is_asked_ = false;
    Clock::time_point due_at_{}, deadline_;
};

// The columns of the one row that the question has: text, or null where the server has no value.
void note_slot(Status &status, const std::array<const char *, 6> &columns);

} // namespace outbox
