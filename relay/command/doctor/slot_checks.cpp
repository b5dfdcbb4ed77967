// The checks of the slot: whether a relay can read it, whether one does, and whether emit() would accept an event now.
#include "base/log.h"
#include "command/ask_relay.h"
#include "command/doctor/consultation.h"
#include "command/doctor/harmful_setting.h"
#include "command/doctor/kafka_words.h"
#include "postgres/conninfo.h"

namespace outbox {
namespace {

// The command that creates the slot; where a slot of this name belongs to somebody else, one with another name.
std::string own_slot_line(Consultation &doctor) {
    const std::string &name = doctor.command().slot;
    std::optional<SlotState> state = doctor.slot();
    std::optional<Unusable> reason = state ? why_unusable(name, *state) : std::nullopt;
    return doctor.setup_line(reason && reason->statement.empty() ? name.substr(0, 61) + "_2" : name);
}

// Another name is no repair where the slot belongs to somebody else.
Finding slot(Consultation &doctor) {
    const std::string &name = doctor.command().slot;
    std::optional<SlotState> state = doctor.slot();
    if (!state)
        return fail("slot \"" + name + "\" does not exist: no event is kept for the relay", {doctor.setup_line()});
    if (std::optional<Unusable> reason = why_unusable(name, *state)) {
        if (reason->statement.empty())
            return fail(reason->sentence, {own_slot_line(doctor)}, "give the relay the same --slot");
        return fail(reason->sentence, {reason->statement + ";", doctor.setup_line()});
    }
    if (state->is_unfinished) {
        Making making = look_at_making(doctor.server(), state->holder);
        std::string mend = making.maker && !making.waits_for.empty() ? making.waits_for[0].ended_by()
                                                                     : "SELECT pg_drop_replication_slot(" + quote_literal(name) + ")";
        return fail(unfinished_text(name, making), making.maker ? std::vector{mend + ";"} : std::vector{mend + ";", doctor.setup_line()});
    }
    return ok("slot \"" + name + "\" is there, of plugin \"outbox\" and this database");
}

Finding slot_reader(Consultation &doctor) {
    std::string process = doctor.slot_value("active_pid");
    if (process.empty())
        return warn("no relay reads from slot \"" + doctor.command().slot + "\": its WAL is kept, and no event is delivered",
                    {doctor.run_line()});
    auto rows =
        doctor.server().rows("SELECT usename, application_name, client_addr, state FROM pg_stat_replication WHERE pid = " + process);
    std::string who = "PID " + process;
    if (!rows.empty() && !rows[0][0].empty())
        who += " (user \"" + printable(rows[0][0]) + "\", application \"" + printable(rows[0][1]) + "\"" +
               (rows[0][2].empty() ? "" : ", at " + rows[0][2]) + ")";
    return ok(who + " reads from the slot");
}

// The name in `waiting for topic "orders"…`, by which a relay begins the sentence of what it waits for; empty: it waits for something else.
std::string topic_in(const std::string &waiting_for) {
    constexpr std::string_view opening = "waiting for topic \"";
    size_t end = waiting_for.find('"', opening.size());
    return waiting_for.starts_with(opening) && end != std::string::npos ? waiting_for.substr(opening.size(), end - opening.size()) : "";
}

// Asks the relay what it waits for. The server cannot tell: a slot whose relay waits for a missing topic looks like one of a busy relay.
Finding relay_waits(Consultation &doctor) {
    if (!doctor.command().relay)
        throw Skipped("without --listen nobody tells what the relay waits for");
    StatusView view;
    ask_relay(view, *doctor.command().relay);
    if (!view.relay_problem.empty())
        throw Skipped("the relay does not answer at " + view.relay_problem);
    if (view.waiting_for.empty())
        return ok("the relay says: " + view.relay_state);
    std::vector<std::string> repair;
    if (std::string topic = topic_in(view.waiting_for); !topic.empty() && !doctor.command().kafka.brokers.empty())
        repair = {kafka_tool(doctor, "kafka-topics", "--create --topic " + shell_quoted(topic) + " --partitions 6")};
    return fail("the relay says: " + view.waiting_for, std::move(repair));
}

// The rules of emit() for sessions without settings of their own. outbox_ext/slot.cpp has the rules.
Finding emit_accepts(Consultation &doctor) {
    Server &server = doctor.server();
    std::string named = server.value("SELECT current_setting('outbox.slots', true)");
    std::string condition = named.empty() ? "s.plugin = 'outbox' AND s.database = current_database() AND NOT s.temporary"
                                          : "s.slot_name = ANY (string_to_array(replace(" + quote_literal(named) + ", ' ', ''), ','))";
    auto bad =
        server.rows("SELECT s.slot_name, s.wal_status FROM pg_replication_slots AS s WHERE " + condition +
                    " AND (s.wal_status = 'lost' OR s.confirmed_flush_lsn IS NULL OR s.temporary OR s.plugin IS DISTINCT FROM 'outbox'"
                    " OR s.database <> current_database()) ORDER BY 1");
    if (!bad.empty()) {
        std::string drop = "SELECT pg_drop_replication_slot(" + quote_literal(bad[0][0]) + ");";
        return fail("emit() refuses events: replication slot \"" + bad[0][0] + "\" cannot deliver the event", {drop, doctor.setup_line()},
                    "what the slot had not delivered is lost");
    }
    if (server.value("SELECT count(*) FROM pg_replication_slots AS s WHERE " + condition) == "0")
        return fail("emit() refuses events: no replication slot can deliver the event", {own_slot_line(doctor)});
    return ok("emit() accepts events");
}

// Finds a forgotten outbox.missing_slot.
Finding missing_slot(Consultation &doctor) {
    constexpr HarmfulSetting other_than_error = {"^outbox[.]missing_slot=(?!error$)",
                                                 "a transaction commits without its event where no slot can deliver the event"};
    if (std::optional<Finding> found = find_setting(doctor.server(), other_than_error))
        return *found;
    return ok("emit() lets no event go missing (outbox.missing_slot)");
}

// Finds slots that nobody reads any more: each of them fills the disk.
Finding other_slots(Consultation &doctor) {
    auto rows = doctor.server().rows("SELECT slot_name, database, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))"
                                     " FROM pg_replication_slots WHERE plugin = 'outbox' AND NOT active AND slot_name <> " +
                                     quote_literal(doctor.command().slot) + " ORDER BY 1");
    if (rows.empty())
        return ok("no other slot of the plugin is without a relay");
    return warn("slot \"" + rows[0][0] + "\" of database \"" + printable(rows[0][1]) + "\" is read by nobody and keeps " + rows[0][2] +
                    " of WAL",
                {"SELECT pg_drop_replication_slot(" + quote_literal(rows[0][0]) + ");"},
                "only where nobody needs its events; otherwise start its relay");
}

Finding failover(Consultation &doctor) {
    if (doctor.server().version() < 170000)
        throw Skipped("PostgreSQL " + std::to_string(doctor.server().version() / 10000) +
                      " carries no logical slot over a failover by itself");
    if (doctor.slot_value("failover") == "t")
        return ok("the slot is carried over a failover");
    return warn("the slot is not carried over a failover: a promoted standby would have no slot, and what was not delivered would be lost",
                {"psql " + shell_quoted(public_conninfo(doctor.command().login.dsn) + " replication=database") + " -c " +
                 shell_quoted("ALTER_REPLICATION_SLOT " + doctor.command().slot + " (FAILOVER true)")},
                "while no relay has the slot");
}

constexpr Check checks[] = {
    {"slot", slot},
    {"slot-reader", slot_reader},
    {"relay-waits", relay_waits},
    {"emit-accepts", emit_accepts},
    {"missing-slot-setting", missing_slot},
    {"other-slots", other_slots},
    {"failover", failover},
};

} // namespace

std::span<const Check> slot_checks() { return checks; }

} // namespace outbox
