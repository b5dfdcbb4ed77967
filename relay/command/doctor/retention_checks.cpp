// The checks of what the slot holds back, and of what makes it hold back more: WAL, catalog rows, transactions that nobody ends.
#include "base/log.h"
#include "command/disk.h"
#include "command/doctor/consultation.h"
#include "command/doctor/limits.h"

#include <cstdlib>

namespace outbox {
namespace {

constexpr const char *reload = "SELECT pg_reload_conf();";
constexpr long old_transaction_s = 300;

double number(const std::string &text) { return strtod(text.c_str(), nullptr); }

// The state of the slot's WAL before the slot is lost. The check "slot" reports a lost one.
Finding wal_status(Consultation &doctor) {
    std::string status = doctor.slot_value("wal_status");
    if (status == "lost")
        throw Skipped("the slot has been invalidated");
    if (status != "unreserved" && status != "extended")
        return ok("the server keeps all WAL that the slot needs (wal_status is \"" + status + "\")");
    std::string kept = bytes_text(number(doctor.slot_value("pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)")));
    if (status == "extended")
        return warn("the slot keeps " + kept + " of WAL, beyond max_wal_size (wal_status is \"extended\")", {doctor.run_line()},
                    "or see oldest-transaction");
    return fail("the slot keeps " + kept + " of WAL and is lost at the next checkpoint (wal_status is \"unreserved\")",
                {"ALTER SYSTEM SET max_slot_wal_keep_size = -1;", reload, doctor.run_line()}, "unlimited for now: watch the disk");
}

Finding wal_limit(Consultation &doctor) {
    auto row = doctor.server().rows("SELECT setting, source FROM pg_settings WHERE name = 'max_slot_wal_keep_size'").at(0);
    if (row[0] == "-1" && row[1] == "default")
        return warn("max_slot_wal_keep_size is at its default, unlimited: a relay that is away lets the WAL fill the disk, and then "
                    "PostgreSQL stops",
                    {"ALTER SYSTEM SET max_slot_wal_keep_size = '100GB';", reload},
                    "with a figure of your own; beyond it the slot is lost. -1 says that unlimited is meant");
    if (row[0] == "-1")
        return ok("max_slot_wal_keep_size is unlimited, by choice: no event is lost before the disk is full");
    double limit = number(row[0]) * 1024 * 1024, kept = number(doctor.slot_value("pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)"));
    std::string said = "the slot keeps " + bytes_text(kept) + " of the " + bytes_text(limit) + " that max_slot_wal_keep_size lets it";
    if (kept < limit / 2)
        return ok(said);
    return {kept < limit * 0.8 ? Verdict::warn : Verdict::fail,
            said + ", and is lost beyond",
            {doctor.run_line()},
            "or raise max_slot_wal_keep_size, where the disk has room"};
}

Finding disk(Consultation &doctor) {
    if (!is_on_this_machine(doctor.server()))
        throw Skipped("the server is on another machine");
    std::string directory = doctor.setting("data_directory");
    std::optional<DiskView> found = look_at_disk(directory);
    if (!found)
        throw Skipped("this user may not look at the disk of " + directory);
    return judge_disk(number(doctor.slot_value("pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)")), found->free_bytes, found->bytes);
}

Finding catalog_xmin(Consultation &doctor) {
    double age = number(doctor.slot_value("age(catalog_xmin)")), most = number(doctor.setting("autovacuum_freeze_max_age"));
    std::string said =
        fmt::format("the slot keeps the catalog rows of {:.0f} transactions; autovacuum_freeze_max_age is {:.0f}", age, most);
    if (age < most / 2)
        return ok(said);
    return {age < most ? Verdict::warn : Verdict::fail,
            said + ": vacuum cannot clean the catalogs",
            {doctor.run_line()},
            "or see oldest-transaction"};
}

// The oldest transaction with an id, of any database: restart_lsn and catalog_xmin stay before it until it ends.
Finding oldest_transaction(Consultation &doctor) {
    auto rows =
        doctor.server().rows("SELECT a.pid, NULL, a.usename, a.datname, a.application_name, a.state,"
                             " floor(date_part('epoch', clock_timestamp() - a.xact_start))::int8, a.backend_xid FROM pg_stat_activity AS a"
                             " WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid() ORDER BY a.xact_start NULLS LAST LIMIT 1");
    if (rows.empty() && doctor.server().value("SELECT pg_has_role('pg_read_all_stats', 'USAGE')") != "t")
        throw Skipped("this role does not see other roles' transactions",
                      {"GRANT pg_monitor TO " + doctor.server().value("SELECT quote_ident(current_user)") + ";"});
    if (rows.empty())
        return ok("no transaction is open");
    const Server::Row &row = rows[0];
    Party party{row[0], row[1], row[2], row[3], row[4], row[5], row[6].empty() ? std::nullopt : std::optional(atol(row[6].c_str()))};
    if (party.age_s.value_or(0) < old_transaction_s)
        return ok("the oldest transaction is " + age_text(party.age_s.value_or(0)) + " old");
    return warn("a transaction is open and keeps the slot's WAL: " + party.described(), {party.ended_by() + ";"});
}

Finding prepared(Consultation &doctor) {
    auto rows =
        doctor.server().rows("SELECT NULL, gid, owner, database, NULL, NULL, floor(date_part('epoch', clock_timestamp() - prepared))::int8"
                             " FROM pg_prepared_xacts ORDER BY prepared LIMIT 1");
    if (rows.empty())
        return ok("no transaction is prepared");
    const Server::Row &row = rows[0];
    Party party{"", row[1], row[2], row[3], "", "", atol(row[6].c_str())};
    if (*party.age_s < old_transaction_s)
        return ok("the oldest prepared transaction is " + age_text(*party.age_s) + " old");
    return warn("a prepared transaction is neither committed nor rolled back, and keeps the slot's WAL: " + party.described(),
                {"ROLLBACK PREPARED " + quote_literal(printable(row[1])) + ";"},
                "or COMMIT PREPARED; in database \"" + printable(row[3]) + "\"");
}

Finding idle_timeout(Consultation &doctor) {
    std::string value = doctor.setting("idle_replication_slot_timeout");
    if (value == "0")
        return ok("a relay may be away for any time (idle_replication_slot_timeout)");
    return warn("idle_replication_slot_timeout is " + value + ": a relay that is away for longer finds its slot lost",
                {"ALTER SYSTEM SET idle_replication_slot_timeout = 0;", reload});
}

constexpr Check checks[] = {
    {"wal-status", wal_status},
    {"wal-limit", wal_limit},
    {"disk", disk},
    {"catalog-xmin", catalog_xmin},
    {"oldest-transaction", oldest_transaction},
    {"prepared-transaction", prepared},
    {"idle-slot-timeout", idle_timeout},
};

} // namespace

std::span<const Check> retention_checks() { return checks; }

} // namespace outbox
