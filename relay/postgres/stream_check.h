// What a stream looks at before it starts: whether the server is a primary, and whether the slot is one that a relay of this database can
// read. What is wrong is told here where the catalog shows it, in words that START_REPLICATION does not have; where only the start shows
// it, the words for its SQLSTATE are here as well. Tested by test/t/011_exit_codes.t, test/t/015_one_reader.t, test/t/084_versions.t.
#pragma once

#include "core/source.h"
#include "postgres/connection.h"

#include <chrono>
#include <string>

namespace outbox {

// Asks about the server and the slot. `expression`: one more, from a comma on, about the slot's row s; empty: none.
std::string stream_check_sql(const std::string &slot, const std::string &expression);

// The slot's holder is told to end, in the statement that looks at the slot: a role may end its own sessions, others need
// pg_signal_backend. `which` is what active_pid has to be. Nobody is sent away from a slot that is not a relay's, which a mistyped --slot
// may name.
std::string end_holder_expression(const std::string &which);

struct StreamCheck {
    std::string database, plugin;
    std::string event_max; // the database's outbox.max_event_bytes; empty: it has none
    std::string holder;    // the process that has the slot; empty: none
    std::chrono::milliseconds sender_timeout{0};
    Lsn confirmed{}, wal_end{};
    int64_t clock_ahead_ms = 0; // the server's clock, compared with this machine's
};

// The answer. `timeline`: of IDENTIFY_SYSTEM. Throws StreamLost where the server will be ready later, and Failure.
StreamCheck read_stream_check(const PGresult *answer, const std::string &slot, uint32_t timeline);

// START_REPLICATION was refused with this SQLSTATE: throws Failure with what helps, or StreamLost where another attempt may do.
[[noreturn]] void refuse_start(const std::string &sqlstate, const std::string &reason, const std::string &slot);

} // namespace outbox
