// doctor --probe: sends one event from emit to Kafka, the only check that writes. doctor --standby: whether the slot would survive a
// failover.
#include "base/comes_true.h"
#include "base/log.h"
#include "command/doctor/kafka_words.h"
#include "kafka/topic_names.h"
#include "kafka/topic_watch.h"

#include <algorithm>
#include <cmath>

namespace outbox {
namespace {

constexpr const char *probe_topic = "outbox.probe";
constexpr auto probe_patience = std::chrono::seconds(15);
constexpr auto copy_patience = std::chrono::seconds(5); // PostgreSQL copies a slot that moves every 0.2 s
constexpr auto copy_interval = std::chrono::milliseconds(100);
constexpr double clock_tolerance_s = 5;

// The check needs a running relay that delivers the topic, and the right to emit to the topic.
Finding probe(Consultation &doctor) {
    if (!doctor.command().probe)
        throw Skipped("only --probe sends an event");
    std::string name = name_in_kafka(doctor.command().kafka.style, probe_topic);
    TopicView topic = doctor.cluster().topic(name);
    if (topic.is_missing)
        return fail("the probe's topic \"" + name + "\" does not exist",
                    {"kafka-topics.sh --bootstrap-server " + doctor.command().kafka.brokers + " --create --topic " + name +
                     " --partitions 1 --replication-factor " + std::to_string(std::min<size_t>(3, doctor.cluster().brokers().size())) +
                     " --config message.timestamp.type=LogAppendTime"});
    TopicWatch watch(doctor.command().kafka, name, doctor.signals());
    std::string id = doctor.emit_probe(probe_topic);
    auto start = std::chrono::steady_clock::now();
    std::optional<TopicWatch::Arrival> arrival = watch.wait_for(id, probe_patience);
    if (!arrival)
        return fail("the probe " + id + " was committed and is not in Kafka after 15 s", {doctor.run_line(probe_topic)},
                    "or see slot-reader; a relay with --topics has to name outbox.probe");
    if (arrival->broker_ms)
        doctor.note_broker_clock(std::chrono::milliseconds(*arrival->broker_ms) - std::chrono::system_clock::now().time_since_epoch());
    return ok(fmt::format("an event was in Kafka {} ms after its commit",
                          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count()));
}

// Kafka tells no client the time. The probe's record has the broker's time where the topic has LogAppendTime.
Finding kafka_clock(Consultation &doctor) {
    if (!doctor.command().probe)
        throw Skipped("only --probe learns the time of a broker");
    std::optional<double> ahead_s = doctor.broker_ahead_s();
    std::string name = name_in_kafka(doctor.command().kafka.style, probe_topic);
    if (!ahead_s && doctor.cluster().topic(name).problem.empty())
        throw Skipped("the topic \"" + name + "\" does not have message.timestamp.type = LogAppendTime, or the probe did not arrive",
                      {setting_line(doctor, name, "message.timestamp.type=LogAppendTime")});
    if (!ahead_s)
        throw Skipped("topic \"" + name + "\" does not exist");
    if (std::abs(*ahead_s) <= clock_tolerance_s)
        return ok("the clocks of Kafka and of this machine agree");
    return warn(
        fmt::format(
            "Kafka's clock is {:.0f} s {} this machine's: Kafka refuses events from more than an hour ahead of it, and deletes by its own "
            "time",
            std::abs(*ahead_s), *ahead_s > 0 ? "ahead of" : "behind"),
        {"sudo timedatectl set-ntp true"}, "on the machine whose clock is wrong");
}

// Whether the standby's copy of the slot comes within some seconds to where the slot is now. A copy of another primary's slot is valid and
// stays behind, until the standby has copied the slot of this one.
bool follows(Server &standby, Consultation &doctor) {
    std::string name_is = " FROM pg_replication_slots WHERE slot_name = " + quote_literal(doctor.command().slot);
    std::string confirmed = doctor.server().value("SELECT confirmed_flush_lsn" + name_is);
    std::string follows_sql = "SELECT confirmed_flush_lsn >= " + quote_literal(confirmed) + name_is;
    return confirmed.empty() || comes_true(doctor.signals(), copy_patience, copy_interval, [&] { return standby.is_true(follows_sql); });
}

// A standby's slot is ready where it is synchronized, persistent and valid, and follows. On PostgreSQL 19 the server says why one is not.
Finding standby(Consultation &doctor) {
    const DoctorCommand &command = doctor.command();
    if (command.standby.empty())
        throw Skipped("--standby names no standby");
    Login login = command.login;
    login.dsn = command.standby;
    Server server(login, doctor.signals());
    server.query("SET statement_timeout = '5s'");
    if (!server.is_true("SELECT pg_is_in_recovery()"))
        return warn("the server of --standby is no standby", {}, "name the standby");
    if (server.version() < 170000)
        return warn("PostgreSQL " + std::to_string(server.version() / 10000) +
                        " carries no logical slot over a failover by itself: after one, the slot is missing",
                    {}, "let Patroni or pg_failover_slots carry it, or upgrade to 17");
    std::string reason = server.version() >= 190000 ? "slotsync_skip_reason" : "NULL";
    auto rows = server.rows("SELECT synced, temporary, invalidation_reason, " + reason +
                            " FROM pg_replication_slots WHERE slot_name = " + quote_literal(command.slot));
    if (!rows.empty() && rows[0][0] == "t" && rows[0][1] == "f" && rows[0][2].empty()) {
        if (follows(server, doctor))
            return ok("the standby has the slot, ready for a failover");
        return warn(
            "the standby's copy of the slot does not follow the slot: a failover now would repeat events, or find a copy that is invalid",
            {},
            "wait until the standby has read the primary's WAL and copied the slot; after a promotion it copies the slot from the new "
            "primary first");
    }
    if (!rows.empty() && !rows[0][2].empty())
        return fail("the standby's copy of the slot is invalid (" + rows[0][2] + ")", {},
                    "drop the slot on the standby; the server copies it again");
    std::string why = rows.empty() ? "has no copy of the slot"
                                   : "has a copy that is not ready" + (rows[0][3].empty() ? std::string() : " (" + rows[0][3] + ")");
    return fail(
        "the standby " + why + ": after a failover the slot would be missing",
        {"ALTER SYSTEM SET sync_replication_slots = on;", "ALTER SYSTEM SET hot_standby_feedback = on;", "SELECT pg_reload_conf();"},
        "on the standby, with primary_slot_name, and dbname in primary_conninfo; it is ready once the relay has confirmed something");
}

constexpr Check checks[] = {{"probe", probe}, {"kafka-clock", kafka_clock}, {"standby", standby}};

} // namespace

std::span<const Check> probe_checks() { return checks; }

std::string Consultation::emit_probe(const std::string &topic) {
    server().query("BEGIN READ WRITE");
    try {
        std::string id = server().value("SELECT outbox.emit(" + quote_literal(topic) + ", 1, '{\"probe\":true}', 'outbox.probe')");
        server().query("COMMIT");
        return id;
    } catch (const QueryRefused &) {
        server().query("ROLLBACK");
        throw;
    }
}

} // namespace outbox
