#include "postgres/slot_watch.h"

#include "base/log.h"

#include <cstdlib>
#include <cstring>

namespace outbox {
namespace {

constexpr auto interval = std::chrono::seconds(10);
constexpr auto patience = std::chrono::seconds(10);
// A refused connection is a line in the server's log, so attempts come less often after failures; a relay that streams can do without the
// answer for longer.
constexpr auto interval_after_failures = std::chrono::seconds(60), interval_after_failures_streaming = std::chrono::seconds(600);

// The first statement makes every name and operator of the second statement pg_catalog's, whatever the role's search_path is. Columns that
// older majors lack are read from the row as JSON. A failover slot is ready where every standby in synchronized_standby_slots is connected
// and reads. A server that no standby has ever read from, by a physical slot or in that list, has nothing to fail over to, and no such
// figure.
constexpr const char *question =
    "SET search_path = pg_catalog, pg_temp;"
    " SELECT pg_is_in_recovery(), CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn() - '0/0' END,"
    " s.restart_lsn - '0/0', s.confirmed_flush_lsn - '0/0', age(s.catalog_xmin), s.safe_wal_size,"
    " (SELECT setting::bigint * 1048576 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), s.wal_status, s.active,"
    " CASE WHEN j ? 'failover' AND (current_setting('synchronized_standby_slots', true) <> ''"
    " OR EXISTS (SELECT FROM pg_replication_slots AS p WHERE p.slot_type = 'physical')) THEN (j ->> 'failover')::bool"
    " AND EXISTS (SELECT FROM pg_replication_slots AS p WHERE p.slot_type = 'physical' AND p.active)"
    " AND NOT EXISTS (SELECT FROM string_to_table(replace(current_setting('synchronized_standby_slots', true), ' ', ''), ',') AS n"
    " WHERE n <> '' AND NOT EXISTS (SELECT FROM pg_replication_slots AS p WHERE p.slot_name = n AND p.active)) END,"
    " trunc(extract(epoch FROM (j ->> 'inactive_since')::timestamptz)),"
    " CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN (SELECT coalesce(trunc(extract(epoch FROM"
    " clock_timestamp() - min(t.since))), 0) FROM (SELECT xact_start AS since FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
    " UNION ALL SELECT prepared FROM pg_prepared_xacts) AS t) END, s.slot_name"
    " FROM (VALUES (1)) AS one LEFT JOIN pg_replication_slots AS s ON s.slot_name = ";
constexpr const char *question_end = " CROSS JOIN LATERAL to_jsonb(s) AS j";

} // namespace

SlotWatch::SlotWatch(const Login &login, std::string slot, const Stream &stream, SlotFigures &figures)
    : slot_(std::move(slot)),
      stream_(stream),
      figures_(figures),
      connector_(login, patience, Purpose::sql),
      quiet_([](const std::string &text, bool) { spdlog::debug("{}", text); }) {
    connector_.on_notice(quiet_);
}

// Where a stream has begun or ended, another host answers, so the watch asks at once.
void SlotWatch::start_if_due(Clock::time_point now) {
    if (stream_.is_streaming() != was_streaming_) {
        was_streaming_ = stream_.is_streaming();
        cancel();
        failures_ = 0;
        due_at_ = now;
    }
    if (is_running() || now < due_at_)
        return;
    due_at_ = now + interval;
    deadline_ = now + patience;
    is_answered_ = false;
    try {
        if (was_streaming_)
            connector_.start({stream_.host()});
        else
            connector_.start();
    } catch (const StreamLost &lost) {
        fail(now, lost.what());
    }
}

void SlotWatch::cancel() {
    connector_.stop();
    connection_.reset();
}

pollfd SlotWatch::wanted() const { return connector_.is_running() ? connector_.wanted() : pollfd{PQsocket(connection_.get()), POLLIN, 0}; }

Clock::time_point SlotWatch::due_at() const {
    if (connector_.is_running())
        return std::min(deadline_, connector_.deadline());
    return connection_ ? deadline_ : due_at_;
}

// Polls the descriptor itself, since a busy loop does not poll.
bool SlotWatch::is_ready(Clock::time_point now) const {
    if (connector_.is_running() && now >= connector_.deadline())
        return true;
    pollfd descriptor = wanted();
    return poll(&descriptor, 1, 0) == 1;
}

void SlotWatch::advance(Clock::time_point now) {
    if (!is_running())
        return;
    if (now >= deadline_)
        return fail(now, "no answer in time");
    if (!is_ready(now))
        return;
    if (!connector_.is_running())
        return converse(now);
    try {
        connection_ = connector_.advance();
    } catch (const StreamLost &lost) {
        return fail(now, lost.what());
    }
    if (connection_ && PQsendQuery(connection_.get(), (question + quote_literal(slot_) + question_end).c_str()) != 1)
        fail(now, error_of(connection_.get()));
}

void SlotWatch::converse(Clock::time_point now) {
    if (PQconsumeInput(connection_.get()) == 0)
        return fail(now, error_of(connection_.get()));
    while (PQisBusy(connection_.get()) == 0) {
        Result result(PQgetResult(connection_.get()));
        if (!result && !is_answered_)
            return fail(now, "no answer");
        if (!result) {
            failures_ = 0;
            connector_.host_succeeded();
            return cancel();
        }
        if (PQresultStatus(result.get()) == PGRES_COMMAND_OK)
            continue;
        if (!take(result.get())) {
            connector_.host_failed();
            return fail(now, error_of(result.get()));
        }
    }
}

void SlotWatch::fail(Clock::time_point now, const std::string &reason) {
    spdlog::debug("the server does not say what the slot holds: {}", reason);
    cancel();
    auto longest = was_streaming_ ? interval_after_failures_streaming : interval_after_failures;
    due_at_ = now + std::min<Clock::duration>(interval * (1 << std::min(failures_++, 6)), longest);
}

// False where the answer does not count, as a standby's, which does not know what the primary's slot holds.
bool SlotWatch::take(const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 || PQnfields(result) != static_cast<int>(slot_columns))
        return false;
    SlotRow row;
    for (size_t i = 0; i < slot_columns; i++)
        row[i] = PQgetisnull(result, 0, static_cast<int>(i)) != 0 ? nullptr : PQgetvalue(result, 0, static_cast<int>(i));
    if (*row[static_cast<size_t>(SlotColumn::in_recovery)] == 't')
        return false;
    using namespace std::chrono;
    note_slot(figures_, row, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
    return is_answered_ = true;
}

void note_slot(SlotFigures &figures, const SlotRow &row, int64_t now_ms) {
    auto text = [&row](SlotColumn column) { return row[static_cast<size_t>(column)]; };
    auto number = [&text](SlotColumn column) {
        return text(column) == nullptr ? SlotFigures::unknown : std::max<int64_t>(0, strtoll(text(column), nullptr, 10));
    };
    auto truth = [&text](SlotColumn column) { return text(column) == nullptr ? SlotFigures::unknown : int64_t{*text(column) == 't'}; };
    auto distance = [](int64_t from, int64_t to) { return from < 0 || to < 0 ? SlotFigures::unknown : std::max<int64_t>(0, to - from); };

    int64_t end = number(SlotColumn::wal_end), restart = number(SlotColumn::restart_lsn), confirmed = number(SlotColumn::confirmed_lsn);
    figures.wal_end = end;
    figures.restart_lsn = restart;
    figures.confirmed_lsn = confirmed;
    figures.retained_bytes = distance(restart, end);
    figures.behind_bytes = distance(confirmed, end);
    figures.catalog_xmin_age = number(SlotColumn::catalog_xmin_age);
    bool is_there = text(SlotColumn::slot_name) != nullptr;
    bool is_unlimited = text(SlotColumn::limit_bytes) != nullptr && *text(SlotColumn::limit_bytes) == '-';
    figures.limit_bytes = is_unlimited ? SlotFigures::unlimited : number(SlotColumn::limit_bytes);
    figures.safe_bytes = is_there && is_unlimited ? SlotFigures::unlimited : number(SlotColumn::safe_bytes);
    figures.active = is_there ? truth(SlotColumn::active) : 0;
    figures.failover_ready = truth(SlotColumn::failover_ready);
    figures.inactive_since_s = number(SlotColumn::inactive_since_s);
    figures.oldest_transaction_s = number(SlotColumn::oldest_transaction_s);
    int state = -1; // a value of a later version
    const char *wal_status = is_there ? text(SlotColumn::wal_status) : "missing";
    for (size_t i = 0; i < slot_states.size(); i++)
        if (wal_status != nullptr && strcmp(wal_status, slot_states[i]) == 0)
            state = static_cast<int>(i);
    figures.state = state;
    figures.seen_at_ms = now_ms;
}

} // namespace outbox
