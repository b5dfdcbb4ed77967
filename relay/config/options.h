// From the sources of the settings (sources.h) to a command with its settings. What is wrong ends the process with exit code 2, as far as
// its text says that it is wrong. Tested by test/t/051_options.t and test/t/110_config.t.
#pragma once

#include "base/exit_code.h"
#include "config/commands.h"
#include "config/sources.h"
#include "kafka/target.h"
#include "kafka/wanted_topic.h"
#include "loop/relay.h"
#include "postgres/stream.h"
#include "stdout/stdout_sink.h"
#include "watch/endpoint.h"

#include <optional>
#include <string>
#include <variant>

namespace outbox {

// Also `skip`: it delivers until the event that is to be skipped is behind it.
struct RunCommand {
    StreamOptions stream;
    RelayOptions relay;
    KafkaTarget kafka;
    bool to_stdout = false; // instead of to Kafka
    Delivery delivery = Delivery::at_least_once;
    std::chrono::milliseconds commit_interval; // of exactly once
    LineFormat format = LineFormat::json;
    std::vector<std::string> risks; // of the connections
    std::optional<Endpoint> listen; // for the status
};

struct SetupCommand {
    Login login;
    std::string slot;
    std::string topics;
    bool dry_run = false;
    std::string plugin;  // of the slot: "outbox", or "pgoutput" where the server takes no library
    bool harden = false; // takes pg_logical_emit_message() from PUBLIC
    Delivery delivery = Delivery::at_least_once;
    KafkaTarget kafka; // of exactly once
    bool reset_state = false;
    std::string relay_role, app_role;            // empty: not asked for
    std::vector<WantedTopic> wanted_topics = {}; // of --topics-file
    bool remove = false;                         // instead of all that
    bool force = false;
};

struct HealthCommand {
    Endpoint relay;
    bool ready = false; // whether it streams, not only whether its loop turns
};

// What counts, and where it comes from.
struct ShowConfigCommand {
    Effective effective;
    bool origin = false;
    bool json = false;
};

// The settings have been looked at already, as `run` would.
struct CheckConfigCommand {};

// A script for a shell.
struct CompletionCommand {
    std::string script;
};

struct VersionCommand {
    bool verbose = false; // of every library, too
};

using Command = std::variant<RunCommand, SetupCommand, HealthCommand, ShowConfigCommand, CheckConfigCommand, VersionCommand, DoctorCommand,
                             DrainCommand, TailCommand, StatusCommand, DeadLettersCommand, CompletionCommand>;

struct Options {
    Command command;
    LogFormat log_format = LogFormat::text;
    spdlog::level::level_enum log_level = spdlog::level::info;
    Effective effective = {};
};

// outbox-relay and the libraries that it runs with.
std::string version_text();

// What counts now, for the command of this command line. Throws Failure.
Effective read_settings(int argc, char **argv);

// What holds memory and waiting in bounds.
Bounds bounds(const Values &values);

// Kafka's properties of the file of settings, and the command for tokens.
std::vector<KafkaProperty> base_properties(const Values &values);

// Prints help and exits where that was asked for. Throws Failure with one line that says what was expected.
Options parse_options(int argc, char **argv);

} // namespace outbox
