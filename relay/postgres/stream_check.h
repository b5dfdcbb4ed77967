// The checks of a stream before it starts: the server is a primary, and a relay of this database can read the slot. Where the catalog shows
// a fault, the message is more exact than START_REPLICATION's; where only the start shows a fault, its SQLSTATE chooses the message. Tested
// by test/t/011_exit_codes.t, test/t/015_one_reader.t, test/t/084_versions.t.
#pragma once

#include "core/source.h"
#include "postgres/connection.h"

#include <chrono>
#include <string>

namespace outbox {

// The query about the server and the slot. `expression`: one more column about the slot's row s, from its comma on; empty: none.
std::string stream_check_sql(const std::string &slot, const std::string &expression);

// The expression that ends the slot's holder, in the statement that looks at the slot: a role may end its own sessions, others need
// pg_signal_backend. `which`: the condition on active_pid. The holder of a slot that is not a relay's, which a mistyped --slot may name,
// stays.
std::string end_holder_expression(const std::string &which);

struct StreamCheck {
    std::string database, plugin;
    std::string event_max; // the database's outbox.max_event_bytes; empty: the database has none
    std::string holder;    // the process that has the slot; empty: none
    std::chrono::milliseconds sender_timeout{0};
    Lsn confirmed{}, wal_end{};
    int64_t clock_ahead_ms = 0; // the server's clock, compared with this machine's
};

// Reads the query's answer. `timeline`: of IDENTIFY_SYSTEM. Throws StreamLost where the server will be ready later, and Failure.
StreamCheck read_stream_check(const PGresult *answer, const std::string &slot, uint32_t timeline);

// START_REPLICATION was refused with this SQLSTATE. Throws Failure with what helps, or StreamLost where another attempt may succeed.
[[noreturn]] void refuse_start(const std::string &sqlstate, const std::string &reason, const std::string &slot);

} // namespace outbox
