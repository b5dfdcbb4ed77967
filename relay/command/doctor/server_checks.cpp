// The checks of the server: whether it answers, and whether a relay can read from it.
#include "base/log.h"
#include "command/doctor/consultation.h"
#include "command/doctor/versions.h"
#include "postgres/prerequisites.h"

#include <cstdlib>

namespace outbox {
namespace {

constexpr const char *restart = "restart PostgreSQL";
constexpr const char *reload = "SELECT pg_reload_conf();";
constexpr long sender_timeout_ms_min = 5000;

long number(const std::string &text) { return strtol(text.c_str(), nullptr, 10); }

Finding connection(Consultation &doctor) {
    try {
        Server &server = doctor.connect();
        return ok("PostgreSQL " + server.value("SHOW server_version") + " answers in database \"" + printable(doctor.database()) +
                  "\" as \"" + printable(doctor.role()) + "\"");
    } catch (const Failure &failure) {
        return fail(failure.what());
    }
}

Finding primary(Consultation &doctor) {
    if (!doctor.server().is_true("SELECT pg_is_in_recovery()"))
        return ok("the server is no standby");
    return fail(standby_text, {}, "name all servers in --dsn, as host=a,b, and add target_session_attrs=primary");
}

Finding version(Consultation &doctor) {
    int number = doctor.server().version();
    std::string name = "PostgreSQL " + server_version_text(number);
    if (std::string hole = server_version_hole(number); !hole.empty())
        return warn(name + " " + hole, {fmt::format("sudo apt-get install --only-upgrade postgresql-{}", number / 10000)}, restart);
    return ok(name + " has no known fault that affects a relay");
}

Finding wal_level(Consultation &doctor) {
    std::optional<Lack> lack = wal_level_lack(doctor.server());
    if (!lack)
        return ok("wal_level is \"" + doctor.setting("wal_level") + "\"");
    return fail(lack->sentence, {lack->statements[0] + ";"}, restart);
}

// An existing slot needs no further one; setup does, and so does a second relay.
Finding free_slots(Consultation &doctor) {
    long used = number(doctor.server().value("SELECT count(*) FROM pg_replication_slots")),
         most = number(doctor.setting("max_replication_slots"));
    std::string said = fmt::format("{} of max_replication_slots = {} are in use", used, most);
    if (used < most)
        return ok(said);
    Finding finding =
        warn(said + ": no other slot can be created", {fmt::format("ALTER SYSTEM SET max_replication_slots = {};", most + 10)}, restart);
    if (!doctor.slot())
        finding.verdict = Verdict::fail;
    return finding;
}

Finding free_senders(Consultation &doctor) {
    long used = number(doctor.server().value("SELECT count(*) FROM pg_stat_replication")), most = number(doctor.setting("max_wal_senders"));
    std::string said = fmt::format("{} of max_wal_senders = {} are in use", used, most);
    if (used < most)
        return ok(said);
    std::optional<SlotState> slot = doctor.slot();
    Finding finding =
        warn(said + ": no other relay can wait for the slot", {fmt::format("ALTER SYSTEM SET max_wal_senders = {};", most + 10)}, restart);
    if (!slot || slot->holder.empty())
        finding = {Verdict::fail, said + ": the relay cannot connect", finding.repair, restart};
    return finding;
}

// The value that the relay's own session would have. Its source says which command changes it.
Finding sender_timeout(Consultation &doctor) {
    auto row = doctor.server().rows("SELECT setting, source FROM pg_settings WHERE name = 'wal_sender_timeout'").at(0);
    long milliseconds = number(row[0]);
    if (milliseconds >= sender_timeout_ms_min)
        return ok(fmt::format("wal_sender_timeout is {} s", milliseconds / 1000));
    std::vector<std::string> repair = {"ALTER SYSTEM SET wal_sender_timeout = '60s';", reload};
    if (row[1] == "user" || row[1] == "database user")
        repair = {"ALTER ROLE " + doctor.server().value("SELECT quote_ident(current_user)") + " RESET wal_sender_timeout;"};
    else if (row[1] == "database")
        repair = {"ALTER DATABASE " + doctor.server().value("SELECT quote_ident(current_database())") + " RESET wal_sender_timeout;"};
    return warn(milliseconds == 0
                    ? std::string("wal_sender_timeout is 0: a relay that freezes keeps its slot for ever, and no standby relay takes over")
                    : fmt::format("wal_sender_timeout is {} ms: a short pause of the network ends the stream", milliseconds),
                repair);
}

// Where a relay counts as a synchronous standby, every commit waits for Kafka.
Finding synchronous(Consultation &doctor) {
    std::string names = doctor.setting("synchronous_standby_names");
    std::string others = doctor.server().value(
        "SELECT string_agg(quote_ident(application_name), ', ') FROM pg_stat_replication AS r WHERE application_name <> 'outbox-relay'"
        " AND NOT EXISTS (SELECT 1 FROM pg_replication_slots AS s WHERE s.active_pid = r.pid AND s.plugin IS NOT NULL)");
    std::string chosen =
        doctor.server().value("SELECT r.sync_state FROM pg_stat_replication AS r JOIN pg_replication_slots AS s ON s.active_pid = r.pid"
                              " WHERE r.sync_state IN ('sync', 'quorum', 'potential') AND s.slot_name = " +
                              quote_literal(doctor.command().slot));
    bool is_named = names.find('*') != std::string::npos || names.find("outbox-relay") != std::string::npos;
    if (chosen.empty() && !is_named)
        return ok("no commit waits for the relay (synchronous_standby_names)");
    std::string value = others.empty() ? "''" : quote_literal("FIRST 1 (" + others + ")");
    return fail("synchronous_standby_names takes the relay for a standby: every commit waits for Kafka",
                {"ALTER SYSTEM SET synchronous_standby_names = " + value + ";", reload},
                others.empty() ? "no standby is connected: none is waited for any more" : "");
}

// The setting, copied with a primary's configuration to a primary without such a slot, holds back every event, without an error.
Finding standby_slots(Consultation &doctor) {
    std::string setting = doctor.setting("synchronized_standby_slots");
    std::string list =
        doctor.server().value("SELECT string_agg(quote_ident(n), ', ') FILTER (WHERE s.slot_name IS NULL)"
                              " FROM unnest(string_to_array(replace(current_setting('synchronized_standby_slots'), ' ', ''), ',')) AS n"
                              " LEFT JOIN pg_replication_slots AS s ON s.slot_name = n AND s.plugin IS NULL WHERE n <> ''");
    if (list.empty())
        return ok(setting.empty() ? "synchronized_standby_slots holds back nothing" : "each slot of synchronized_standby_slots is there");
    std::string left = doctor.server().value("SELECT string_agg(n, ', ') FROM unnest(string_to_array(replace(current_setting("
                                             "'synchronized_standby_slots'), ' ', ''), ',')) AS n JOIN pg_replication_slots AS s"
                                             " ON s.slot_name = n AND s.plugin IS NULL");
    return fail("synchronized_standby_slots names " + printable(list) +
                    ", which is no physical slot of this server: PostgreSQL holds back every event of a failover slot",
                {"ALTER SYSTEM SET synchronized_standby_slots = " + quote_literal(left) + ";", reload});
}

Finding clock(Consultation &doctor) {
    double ahead_s = strtod(doctor.server().value("SELECT date_part('epoch', clock_timestamp())").c_str(), nullptr) -
                     std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (std::abs(ahead_s) <= 5)
        return ok("the clocks of the server and of this machine agree");
    return warn(fmt::format("the server's clock is {:.0f} s {} this machine's: lag in seconds and the time of events are wrong",
                            std::abs(ahead_s), ahead_s > 0 ? "ahead of" : "behind"),
                {"sudo timedatectl set-ntp true"}, "on the machine whose clock is wrong");
}

constexpr Check checks[] = {
    {"connection", connection},
    {"primary", primary},
    {"version", version},
    {"wal-level", wal_level},
    {"free-slots", free_slots},
    {"free-senders", free_senders},
    {"sender-timeout", sender_timeout},
    {"synchronous-standby", synchronous},
    {"standby-slots", standby_slots},
    {"clock", clock},
};

} // namespace

std::span<const Check> server_checks() { return checks; }

} // namespace outbox
