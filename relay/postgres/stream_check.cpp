#include "postgres/stream_check.h"

#include "base/log.h"

#include <algorithm>
#include <cstring>

namespace outbox {
namespace {

constexpr const char *check_sql =
    "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_database(), s.slot_name, s.plugin, s.database,"
    " s.wal_status, (SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'wal_sender_timeout'),"
    " s.confirmed_flush_lsn, s.active_pid,"
    " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn() END,"
    " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.left("
    "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), 8) END,"
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()),"
    " pg_catalog.current_setting('outbox.max_event_bytes', true),"
    " EXISTS (SELECT FROM pg_catalog.pg_publication AS p WHERE p.pubname OPERATOR(pg_catalog.=) 'outbox')";
constexpr const char *from_sql =
    " FROM (VALUES (1)) AS one LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name OPERATOR(pg_catalog.=) ";
enum CheckColumn {
    IN_RECOVERY,
    THIS_DATABASE,
    SLOT_NAME,
    PLUGIN,
    SLOT_DATABASE,
    WAL_STATUS,
    SENDER_TIMEOUT,
    CONFIRMED,
    HOLDER,
    WAL_END,
    WRITE_TIMELINE,
    SERVER_CLOCK,
    EVENT_MAX,
    HAS_PUBLICATION
};

int64_t clock_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string column(const PGresult *answer, CheckColumn number) { return PQgetvalue(answer, 0, number); }

void require_primary(const PGresult *answer, uint32_t timeline) {
    if (column(answer, IN_RECOVERY) == "t")
        throw StreamLost("the server is a standby; waiting for a primary");
    if (strtoul(column(answer, WRITE_TIMELINE).c_str(), nullptr, 16) != timeline)
        throw StreamLost("the server is being promoted");
}

void require_readable(const PGresult *answer, const std::string &slot) {
    std::string name = "replication slot \"" + slot + "\"", set_up = "outbox-relay setup --slot " + slot;
    if (column(answer, SLOT_NAME).empty())
        throw Failure(ExitCode::slot_unusable,
                      name +
                          " does not exist. If it existed before, events are lost: what was emitted since then is not in a new slot. "
                          "Create it with: " +
                          set_up + ", with a --dsn for a superuser and database \"" + column(answer, THIS_DATABASE) + "\"");
    std::string plugin = column(answer, PLUGIN);
    if (plugin != "outbox" && plugin != "pgoutput")
        throw Failure(ExitCode::plugin_refused, name + " belongs to the output plugin \"" + plugin +
                                                    "\", not to \"outbox\" or \"pgoutput\". Name another slot with --slot");
    if (std::string its = column(answer, SLOT_DATABASE), here = column(answer, THIS_DATABASE); its != here)
        throw Failure(ExitCode::slot_unusable,
                      name + " belongs to database \"" + its + "\", not to \"" + here + "\". Connect to that database");
    if (column(answer, WAL_STATUS) == "lost")
        throw Failure(ExitCode::slot_unusable,
                      name +
                          " has been invalidated: the events that it had not delivered are lost. To go on with new "
                          "events: SELECT pg_drop_replication_slot('" +
                          slot + "'), then: " + set_up);
    // A subscription's slot is of pgoutput as well, and the subscriber would never get what a relay confirmed there.
    if (plugin == "pgoutput" && !slot.starts_with("outbox"))
        throw Failure(ExitCode::plugin_refused, name +
                                                    " is of pgoutput and could be a subscription's. Of pgoutput a relay reads only slots "
                                                    "whose names begin with \"outbox\". Name another slot with --slot");
    if (plugin == "pgoutput" && column(answer, HAS_PUBLICATION) != "t")
        throw Failure(ExitCode::plugin_refused, name + " is of pgoutput, which cannot do without the publication \"outbox\". Create it, "
                                                       "empty, before the slot: CREATE PUBLICATION outbox");
}

} // namespace

std::string stream_check_sql(const std::string &slot, const std::string &expression) {
    return check_sql + expression + from_sql + quote_literal(slot);
}

std::string end_holder_expression(const std::string &which) {
    return ", CASE WHEN (s.plugin OPERATOR(pg_catalog.=) 'outbox' OR (s.plugin OPERATOR(pg_catalog.=) 'pgoutput'"
           " AND pg_catalog.starts_with(s.slot_name::pg_catalog.text, 'outbox'))) AND s.database OPERATOR(pg_catalog.=) "
           "pg_catalog.current_database()"
           " AND s.active_pid " +
           which + " THEN pg_catalog.pg_terminate_backend(s.active_pid) END";
}

StreamCheck read_stream_check(const PGresult *answer, const std::string &slot, uint32_t timeline) {
    require_primary(answer, timeline);
    require_readable(answer, slot);
    StreamCheck check;
    check.database = column(answer, THIS_DATABASE);
    check.plugin = column(answer, PLUGIN);
    check.event_max = column(answer, EVENT_MAX);
    check.holder = column(answer, HOLDER);
    check.sender_timeout = std::chrono::milliseconds(std::max(0, atoi(column(answer, SENDER_TIMEOUT).c_str())));
    check.confirmed = parse_lsn(column(answer, CONFIRMED)).value_or(Lsn{});
    check.wal_end = parse_lsn(column(answer, WAL_END)).value_or(Lsn{});
    check.clock_ahead_ms = static_cast<int64_t>(strtod(column(answer, SERVER_CLOCK).c_str(), nullptr) * 1000) - clock_ms();
    return check;
}

void refuse_start(const std::string &sqlstate, const std::string &reason, const std::string &slot) {
    if (sqlstate == "42704")
        throw Failure(ExitCode::slot_unusable, reason + ". Create it with: outbox-relay setup --slot " + slot);
    if (sqlstate == "55000")
        throw Failure(ExitCode::slot_unusable, reason + ". The slot cannot be read any more; see docs/runbook.md#outboxslotlost");
    if (sqlstate == "42501")
        throw Failure(ExitCode::plugin_refused, reason +
                                                    ". Allow the plugin with: outbox-relay setup, or: ALTER SYSTEM SET "
                                                    "output_plugin_libraries = pgoutput, test_decoding, outbox; SELECT pg_reload_conf()");
    if (sqlstate == "58P01")
        throw Failure(ExitCode::plugin_refused, reason + ". Install the extension's files on this server: make install");
    if (sqlstate == "22023")
        throw Failure(ExitCode::plugin_refused, reason + ". The extension on the server and this relay are of different versions");
    throw StreamLost(reason, sqlstate);
}

} // namespace outbox
