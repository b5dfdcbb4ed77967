#include "postgres/slot_watch.h"

#include "base/log.h"

#include <cstdlib>
#include <cstring>

namespace outbox {
namespace {

constexpr auto interval = std::chrono::seconds(60);
constexpr auto interval_after_failure = std::chrono::minutes(10);
constexpr auto patience = std::chrono::seconds(10);

// Each operator and function is the server's own, whatever the role's search_path is.
constexpr const char *question = "SELECT pg_catalog.pg_wal_lsn_diff(s.restart_lsn, '0/0'),"
                                 " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn),"
                                 " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.confirmed_flush_lsn),"
                                 " pg_catalog.age(s.catalog_xmin), s.safe_wal_size, s.wal_status"
                                 " FROM pg_catalog.pg_replication_slots AS s WHERE s.slot_name OPERATOR(pg_catalog.=) ";
enum Column { RESTART_LSN, RETAINED, BEHIND, CATALOG_XMIN_AGE, SAFE_WAL_SIZE, WAL_STATUS, COLUMNS };

int64_t number_of(const char *text) { return text == nullptr ? Status::unknown : std::max<int64_t>(0, strtoll(text, nullptr, 10)); }

} // namespace

void SlotWatch::start_if_due(Clock::time_point now) {
    if (is_running() || now < due_at_)
        return;
    due_at_ = now + interval;
    deadline_ = now + patience;
    is_asked_ = false;
    polling_ = PGRES_POLLING_WRITING;
    connection_ = start_connection(dsn_, {stream_.host()}, Purpose::sql);
}

pollfd SlotWatch::wanted() const {
    bool reads = is_asked_ || polling_ == PGRES_POLLING_READING;
    return {PQsocket(connection_.get()), static_cast<short>(reads ? POLLIN : POLLOUT), 0};
}

// A busy loop does not poll: it has a look here instead.
bool SlotWatch::is_ready() const {
    pollfd descriptor = wanted();
    return poll(&descriptor, 1, 0) == 1;
}

void SlotWatch::advance(Clock::time_point now) {
    if (!is_running())
        return;
    if (now >= deadline_ || PQstatus(connection_.get()) == CONNECTION_BAD)
        return fail(now);
    if (!is_ready())
        return;
    if (!is_asked_) {
        polling_ = PQconnectPoll(connection_.get());
        if (polling_ == PGRES_POLLING_FAILED || (polling_ == PGRES_POLLING_OK && !ask()))
            fail(now);
        return;
    }
    if (PQconsumeInput(connection_.get()) == 0)
        return fail(now);
    if (PQisBusy(connection_.get()) != 0)
        return;
    if (!take_answer())
        return fail(now);
    cancel();
}

// Whoever is refused would fill the server's log.
void SlotWatch::fail(Clock::time_point now) {
    spdlog::debug("the server does not say what the slot holds: {}", connect_error_of(connection_.get(), dsn_));
    cancel();
    due_at_ = now + interval_after_failure;
}

bool SlotWatch::ask() {
    is_asked_ = true;
    return PQsendQuery(connection_.get(), (question + quote_literal(slot_)).c_str()) == 1;
}

bool SlotWatch::take_answer() {
    Result result(PQgetResult(connection_.get()));
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) != 1 || PQnfields(result.get()) != COLUMNS)
        return false;
    std::array<const char *, COLUMNS> columns;
    for (int i = 0; i < COLUMNS; i++)
        columns[static_cast<size_t>(i)] = PQgetisnull(result.get(), 0, i) != 0 ? nullptr : PQgetvalue(result.get(), 0, i);
    note_slot(status_, columns);
    return true;
}

void note_slot(Status &status, const std::array<const char *, 6> &columns) {
    status.slot_restart_lsn = number_of(columns[RESTART_LSN]);
    status.slot_retained_bytes = number_of(columns[RETAINED]);
    status.slot_behind_bytes = number_of(columns[BEHIND]);
    status.slot_catalog_xmin_age = number_of(columns[CATALOG_XMIN_AGE]);
    status.slot_safe_wal_size = number_of(columns[SAFE_WAL_SIZE]);
    status.slot_wal_status = -1;
    for (size_t i = 0; i < wal_statuses.size(); i++)
        if (columns[WAL_STATUS] != nullptr && strcmp(columns[WAL_STATUS], wal_statuses[i]) == 0)
            status.slot_wal_status = static_cast<int>(i);
    status.slot_seen_at_s = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

} // namespace outbox
