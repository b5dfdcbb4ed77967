#include "postgres/slot_check.h"

#include "base/log.h"

#include <algorithm>

namespace outbox {
namespace {

constexpr size_t parties_shown_max = 3;

enum SlotColumn { PLUGIN, DATABASE, IS_HERE, IS_TEMPORARY, WAL_STATUS, HOLDER, IS_UNFINISHED };
enum PartyColumn { PROCESS, PREPARED, USER, PARTY_DATABASE, APPLICATION, STATE, AGE, IS_WAITED_FOR };

std::optional<long> seconds(const std::string &text) { return text.empty() ? std::nullopt : std::optional(atol(text.c_str())); }

Party party(const Server::Row &row) {
    return {row[PROCESS], row[PREPARED], row[USER], row[PARTY_DATABASE], row[APPLICATION], row[STATE], seconds(row[AGE])};
}

std::string age_sql(const std::string &since) {
    return "pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) " + since +
           "))::pg_catalog.int8";
}

std::string maker_sql(const std::string &process) {
    return "SELECT a.pid, NULL, a.usename, a.datname, a.application_name, a.state, " + age_sql("a.query_start") +
           ", NULL FROM pg_catalog.pg_stat_activity AS a WHERE a.pid OPERATOR(pg_catalog.=) " + process;
}

// The transactions that can hold up a process. Every transaction with an id holds a lock on that id until it ends. The lock of a prepared
// transaction has no process.
std::string holders_sql(const std::string &process) {
    return "SELECT l.pid, p.gid, COALESCE(a.usename, p.owner), COALESCE(a.datname, p.database), a.application_name, a.state, " +
           age_sql("COALESCE(a.xact_start, p.prepared)") +
           ", EXISTS (SELECT 1 FROM pg_catalog.pg_locks AS w WHERE w.pid OPERATOR(pg_catalog.=) " + process +
           " AND NOT w.granted AND w.transactionid OPERATOR(pg_catalog.=) l.transactionid) FROM pg_catalog.pg_locks AS l"
           " LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid OPERATOR(pg_catalog.=) l.pid"
           " LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction OPERATOR(pg_catalog.=) l.transactionid AND l.pid IS NULL"
           " WHERE l.locktype OPERATOR(pg_catalog.=) 'transactionid' AND l.granted AND (p.gid IS NOT NULL OR l.pid "
           "OPERATOR(pg_catalog.<>) " +
           process + ") ORDER BY 8 DESC, 7 DESC NULLS LAST";
}

} // namespace

std::string missing_slot_text(const std::string &slot) {
    return "slot \"" + slot + "\" does not exist on this server: see --slot and --dsn, or create it with: outbox-relay setup --slot " +
           slot;
}

std::optional<SlotState> look_at_slot(Server &server, const std::string &slot) {
    auto rows =
        server.rows("SELECT plugin, database, database OPERATOR(pg_catalog.=) pg_catalog.current_database(), temporary, wal_status, "
                    "active_pid, confirmed_flush_lsn IS NULL FROM pg_catalog.pg_replication_slots "
                    "WHERE slot_name OPERATOR(pg_catalog.=) " +
                    quote_literal(slot));
    if (rows.empty())
        return std::nullopt;
    const Server::Row &row = rows[0];
    return SlotState{
        row[PLUGIN], row[DATABASE], row[IS_HERE] == "t", row[IS_TEMPORARY] == "t", row[WAL_STATUS] == "lost", row[IS_UNFINISHED] == "t",
        row[HOLDER]};
}

std::optional<Unusable> why_unusable(const std::string &slot, const SlotState &state, const std::string &plugin) {
    std::string name = "slot \"" + slot + "\"", another = "; choose another name with --slot, for setup and run alike",
                drop = "SELECT pg_drop_replication_slot(" + quote_literal(slot) + ")";
    if (state.plugin.empty())
        return Unusable{ExitCode::plugin_refused, name + " is a physical slot", another, ""};
    if (state.plugin != plugin)
        return Unusable{ExitCode::plugin_refused, name + " belongs to the output plugin \"" + printable(state.plugin) + "\"", another, ""};
    if (!state.is_of_this_database)
        return Unusable{ExitCode::slot_unusable,
                        name + " belongs to database \"" + printable(state.database) + "\"; a slot's name is unique in the whole server",
                        another, ""};
    if (state.is_temporary)
        return Unusable{ExitCode::slot_unusable, name + " is temporary and ends with its session, PID " + state.holder,
                        ": end that session, then run setup again", "SELECT pg_terminate_backend(" + state.holder + ")"};
    if (state.is_lost)
        return Unusable{ExitCode::slot_unusable, name + " has been invalidated: the events that it had not delivered are lost",
                        "; to go on with a new slot: " + drop + ", then run setup again", drop};
    return std::nullopt;
}

void require_usable(const std::string &slot, const SlotState &state, const std::string &plugin) {
    if (std::optional<Unusable> reason = why_unusable(slot, state, plugin))
        throw Failure(reason->code, reason->sentence + reason->way_out);
}

std::string age_text(long seconds) {
    constexpr long minute = 60, hour = 60 * minute, day = 24 * hour;
    if (seconds < 2 * minute)
        return std::to_string(std::max(0L, seconds)) + " s";
    if (seconds < 2 * hour)
        return std::to_string(seconds / minute) + " min";
    if (seconds < 2 * day)
        return std::to_string(seconds / hour) + " h";
    return std::to_string(seconds / day) + " d";
}

std::string Party::described() const {
    std::string text = process.empty() ? "prepared transaction " + quote_literal(printable(prepared)) : "PID " + process;
    text += " (";
    if (!user.empty())
        text += "user \"" + printable(user) + "\", ";
    if (!database.empty())
        text += "database \"" + printable(database) + "\", ";
    if (!application.empty())
        text += "application \"" + printable(application) + "\", ";
    if (!state.empty() && state != "active")
        text += printable(state) + ", ";
    return text + (age_s ? "for " + age_text(*age_s) : "for how long this role may not see") + ")";
}

std::string Party::ended_by() const {
    if (!process.empty())
        return "SELECT pg_terminate_backend(" + process + ")";
    return "ROLLBACK PREPARED " + quote_literal(printable(prepared)) + " (or COMMIT PREPARED) in database \"" + printable(database) + "\"";
}

std::string Making::waits_for_text() const {
    std::string text;
    for (size_t i = 0; i < std::min(waits_for.size(), parties_shown_max); i++)
        text += (i == 0 ? "" : ", ") + waits_for[i].described();
    if (waits_for.size() > parties_shown_max)
        text += fmt::format(" and {} more", waits_for.size() - parties_shown_max);
    return text.empty() ? "the server's next record of its running transactions, which it writes every 15 s" : text;
}

Making look_at_making(Server &server, const std::string &maker_process) {
    Making making;
    if (maker_process.empty())
        return making;
    for (const Server::Row &row : server.rows(maker_sql(maker_process)))
        making.maker = party(row);
    for (const Server::Row &row : server.rows(holders_sql(maker_process))) {
        Party holder = party(row);
        bool is_waited_for = row[IS_WAITED_FOR] == "t";
        bool is_known = std::any_of(making.waits_for.begin(), making.waits_for.end(),
                                    [&](const Party &other) { // the process holds the ids of its subtransactions, too
                                        return other.process == holder.process && other.prepared == holder.prepared;
                                    });
        bool is_older = !holder.age_s || !making.maker || !making.maker->age_s || *holder.age_s >= *making.maker->age_s;
        if (!is_known && (is_waited_for || is_older))
            making.waits_for.push_back(holder);
    }
    return making;
}

std::string unfinished_text(const std::string &slot, const Making &making) {
    std::string name = "slot \"" + slot + "\" is unfinished: ", until = ". No event can be emitted until the slot is complete. ";
    if (!making.maker)
        return name + "no session creates the slot any more" + until + "Remove it: SELECT pg_drop_replication_slot(" + quote_literal(slot) +
               "), then run setup again";
    std::string text = name + making.maker->described() + " creates the slot and waits for " + making.waits_for_text() + until;
    if (!making.waits_for.empty())
        text += "Let the transaction end, or end it: " + making.waits_for[0].ended_by() + ". ";
    return text + "To give up this slot: " + making.maker->ended_by() + ". Then run setup again";
}

} // namespace outbox
