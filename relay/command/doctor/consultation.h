// The state that the checks share: the command, a session with the server, a connection to Kafka, and what is known of both. A check asks
// for what it needs; something missing throws Skipped, which ends that check alone. Nothing here writes: the session is read only, and the
// server ends a statement after five seconds.
#pragma once

#include "command/doctor/finding.h"
#include "config/commands.h"
#include "kafka/cluster_view.h"
#include "postgres/server.h"
#include "postgres/slot_check.h"

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outbox {

class Consultation {
public:
    Consultation(const DoctorCommand &command, Signals &signals) : command_(command), signals_(signals) {}

    const DoctorCommand &command() const { return command_; }
    Signals &signals() const { return signals_; }

    // The session. Throws Skipped where there is none, and where the server is a standby.
    Server &server();
    Server &connect(); // throws Failure

    // The value of a setting of the server. Throws Skipped where this version has no such setting, or the role may not read the setting.
    std::string setting(const std::string &name);
    std::string role() { return server().value("SELECT current_user"); }
    std::string database() { return server().value("SELECT current_database()"); }

    // An expression over the slot's row of pg_replication_slots, as text. Throws Skipped where there is no slot.
    std::string slot_value(const std::string &expression);
    std::optional<SlotState> slot() { return look_at_slot(server(), command_.slot); }

    // The commands `setup` and `run` to paste: without a password, and setup without a user, since the server's administrator runs it. For
    // a database in the hosted form `setup` names pgoutput, since `setup` without a plugin would move the database to the extension.
    void note_hosted() { is_hosted_ = true; }
    std::string setup_line() const { return setup_line(command_.slot); }
    std::string setup_line(const std::string &slot) const;
    std::string run_line(const std::string &more_topics = {});

    // The connection to Kafka. Throws Skipped where there is none.
    ClusterView &cluster();
    ClusterView &connect_to_kafka(); // throws std::runtime_error

    // The topics to look at, under Kafka's names: those of --topics, with the existing topics that a "*" at the end stands for, or those of
    // outbox.topics; and the topic of dead letters where the relay writes dead letters.
    std::vector<std::string> topics();
    std::string kafka_principal() const;
    std::string reassign_line(const std::string &topic, size_t partitions, size_t replicas);
    double largest_event_bytes();
    double backlog_age_s(); // throws Skipped where nobody can look

    // Commits one event, and returns its id: no other check writes.
    std::string emit_probe(const std::string &topic);

    // The seconds by which a broker's clock was ahead of this machine's when the broker took the probe; nullopt: nobody knows.
    std::optional<double> broker_ahead_s() const { return broker_ahead_s_; }
    void note_broker_clock(std::chrono::duration<double> ahead) { broker_ahead_s_ = ahead.count(); }

private:
    std::vector<std::string> declared_topics();

    const DoctorCommand &command_;
    Signals &signals_;
    std::optional<Server> server_;
    std::optional<ClusterView> cluster_;
    std::optional<std::vector<std::string>> topics_;
    std::optional<double> broker_ahead_s_;
    bool is_hosted_ = false;
};

struct Check {
    const char *name; // stable, and the heading of its row in docs/doctor.md
    Finding (*run)(Consultation &consultation);
};

// The checks in the order in which they run and are printed.
std::span<const Check> server_checks();
std::span<const Check> plugin_checks();
std::span<const Check> slot_checks();
std::span<const Check> retention_checks();
std::span<const Check> access_checks();
std::span<const Check> kafka_checks();
std::span<const Check> topic_checks();
std::span<const Check> probe_checks();

} // namespace outbox
