// Asks the server every ten seconds about its slot: how much WAL the slot holds, which catalog rows, who reads it, and how near the slot is
// to its end. A walsender that streams takes no queries, so the watch has a short connection of its own: to the host of the stream, and
// without a stream to any host of the connection string that is a primary, so that a waiting relay still reports. The watch never waits,
// and fails without an error, since the stream does not depend on the figures. The caller polls. Tested by test/unit/slot_watch_test.cpp,
// test/t/069_slot_watch.t and test/t/120_lag.t.
#pragma once

#include "core/inquiry.h"
#include "core/status.h"
#include "postgres/stream.h"

namespace outbox {

class SlotWatch : public SlotInquiry {
public:
    // The stream and the figures outlive the watch. The slot's name is validated: [a-z0-9_]{1,63}.
    SlotWatch(const Login &login, std::string slot, const Stream &stream, SlotFigures &figures);

    void start_if_due(Clock::time_point now) override;
    void cancel() override;

    bool is_running() const override { return connector_.is_running() || connection_ != nullptr; }
    pollfd wanted() const override;
    Clock::time_point due_at() const override;

    // One step. At the deadline the watch gives the question up.
    void advance(Clock::time_point now) override;

private:
    bool is_ready(Clock::time_point now) const;
    void fail(Clock::time_point now, const std::string &reason);
    void converse(Clock::time_point now);
    bool take(const PGresult *result);

    std::string slot_;
    const Stream &stream_;
    SlotFigures &figures_;
    Connector connector_;
    NoticeListener quiet_;
    Connection connection_; // set once the server has let the relay in
    bool was_streaming_ = false, is_answered_ = false;
    int failures_ = 0; // in a row
    Clock::time_point due_at_{}, deadline_{};
};

// The columns of the question.
enum class SlotColumn {
    in_recovery,
    wal_end,
    restart_lsn,
    confirmed_lsn,
    catalog_xmin_age,
    safe_bytes,
    limit_bytes,
    wal_status,
    active,
    failover_ready,
    inactive_since_s,
    oldest_transaction_s,
    slot_name
};
constexpr size_t slot_columns = static_cast<size_t>(SlotColumn::slot_name) + 1;

// The columns of the one row that answers the question: text, or null where the server has no value.
using SlotRow = std::array<const char *, slot_columns>;
void note_slot(SlotFigures &figures, const SlotRow &row, int64_t now_ms);

} // namespace outbox
