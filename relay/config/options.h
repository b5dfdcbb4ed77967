// Makes a command with its settings out of the sources of settings (sources.h). A fault ends the process with exit code 2, as far as the
// text alone shows the fault. Tested by test/t/051_options.t and test/t/110_config.t.
#pragma once

#include "base/exit_code.h"
#include "config/commands.h"
#include "config/sources.h"
#include "kafka/target.h"
#include "kafka/topic_spec.h"
#include "loop/relay.h"
#include "postgres/stream.h"
#include "stdout/stdout_sink.h"
#include "watch/endpoint.h"

#include <optional>
#include <string>
#include <variant>

namespace outbox {

// `run`, and `skip`, which delivers until the slot is confirmed beyond the skipped events.
struct RunCommand {
    StreamOptions stream;
    RelayOptions relay;
    KafkaTarget kafka;
    bool to_stdout = false; // standard output instead of Kafka
    Delivery delivery = Delivery::at_least_once;
    std::chrono::milliseconds commit_interval; // of exactly-once delivery
    LineFormat format = LineFormat::json;
    std::vector<std::string> risks; // sentences about the connections, for the log
    std::optional<Endpoint> listen; // where the status server listens
};

struct SetupCommand {
    Login login;
    std::string slot;
    std::string topics;
    bool dry_run = false;
    std::string plugin;  // of the slot: "outbox", or "pgoutput" where the server takes no library
    bool harden = false; // revokes pg_logical_emit_message() from PUBLIC
    Delivery delivery = Delivery::at_least_once;
    KafkaTarget kafka; // for exactly-once delivery
    bool reset_state = false;
    std::string relay_role, app_role;        // empty: none is prepared
    std::vector<TopicSpec> topic_specs = {}; // of --topics-file
    bool remove = false;                     // removes instead
    bool force = false;
};

struct HealthCommand {
    Endpoint relay;
    bool ready = false; // asks whether the relay streams, not only whether its loop turns
};

// The settings in force, and their origins.
struct ShowConfigCommand {
    Effective effective;
    bool origin = false;
    bool json = false;
};

// The settings have been checked already, as `run` would check them.
struct CheckConfigCommand {};

// A completion script for a shell.
struct CompletionCommand {
    std::string script;
};

struct VersionCommand {
    bool verbose = false; // with every library
};

using Command = std::variant<RunCommand, SetupCommand, HealthCommand, ShowConfigCommand, CheckConfigCommand, VersionCommand, DoctorCommand,
                             DrainCommand, TailCommand, StatusCommand, DeadLettersCommand, CompletionCommand>;

struct Options {
    Command command;
    LogFormat log_format = LogFormat::text;
    spdlog::level::level_enum log_level = spdlog::level::info;
    Effective effective = {};
};

// The versions of outbox-relay and of its main libraries.
std::string version_text();

// The settings in force now, for the command of this command line. Throws Failure.
Effective read_settings(int argc, char **argv);

// The bounds of memory and waiting.
Bounds bounds(const Values &values);

// Kafka's properties from the settings file, and the command for tokens.
std::vector<KafkaProperty> base_properties(const Values &values);

// Prints the help where somebody asks for it, and exits. Throws Failure with one line that says what was expected.
Options parse_options(int argc, char **argv);

} // namespace outbox
