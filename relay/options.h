// The command line: every option named once, each with its OUTBOX_… variable. Wrong ones end the process with exit code 2.
#pragma once

#include "exit_code.h"
#include "http_server.h"
#include "kafka_properties.h"
#include "log.h"
#include "relay.h"
#include "stdout_sink.h"

#include <optional>
#include <string>
#include <variant>

namespace outbox {

struct RunCommand {
    RelayOptions relay;
    KafkaTarget kafka; // without brokers: standard output
    LineFormat format = LineFormat::json;
    std::optional<Endpoint> listen; // for the status
};

struct SetupCommand {
    std::string dsn;
    std::string slot;
    bool dry_run = false;
};

struct Options {
    std::variant<RunCommand, SetupCommand> command;
    LogFormat log_format = LogFormat::text;
    spdlog::level::level_enum log_level = spdlog::level::info;
};

// Prints help or the version and exits where that was asked for. Throws Failure with one line that says what was expected.
Options parse_options(int argc, char **argv);

} // namespace outbox
