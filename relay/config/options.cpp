#include "config/options.h"

#include "config/dsn.h"
#include "config/values.h"
#include "config/variables.h"
#include "kafka/librdkafka_version.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>
#include <map>
#include <sstream>

namespace outbox {
namespace {

constexpr size_t max_in_flight_bytes_default = 8 << 20;
constexpr size_t max_in_flight_bytes_min = 64 << 10, max_in_flight_bytes_max = size_t{4} << 30;
constexpr long shutdown_grace_default_ms = 10000, shutdown_grace_max_ms = 3600000;
constexpr long server_silence_default_ms = 30000, server_silence_min_ms = 1000, server_silence_max_ms = 3600000;
constexpr long commit_interval_default_ms = 50, commit_interval_max_ms = 10000;

std::string check_listen(const std::string &text) {
    return parse_endpoint(text) ? "" : "expected host:port, such as 127.0.0.1:8090 or [::]:8090";
}

std::string check_not_blank(const std::string &text) { return is_blank(text) ? "expected a value; without one leave the flag out" : ""; }

std::string check_switch(const std::string &text) {
    constexpr auto words = std::to_array<std::string_view>({"true", "false", "1", "0", "yes", "no", "on", "off"});
    return std::find(words.begin(), words.end(), text) == words.end() ? "expected true or false" : "";
}

// A number in a range, said in one sentence; CLI11's own checks say it in two and convert silently.
CLI::Validator range(long long from, long long to, const char *unit) {
    return CLI::Validator(
        [=](std::string &text) -> std::string {
            long long value = 0;
            auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error == std::errc() && end == text.data() + text.size() && value >= from && value <= to)
                return "";
            return fmt::format("expected a number of {} from {} to {}", unit, from, to);
        },
        "");
}

template <class Value>
CLI::Validator one_of(std::initializer_list<std::pair<const char *, Value>> choices, Value &result) {
    std::map<std::string, Value> map(choices.begin(), choices.end());
    std::string names;
    for (const auto &[name, value] : choices)
        names += (names.empty() ? "" : ", ") + std::string(name);
    return CLI::Validator(
        [map, names, &result](std::string &text) -> std::string {
            auto found = map.find(text);
            if (found == map.end())
                return "expected one of: " + names;
            result = found->second;
            return "";
        },
        "");
}

// What is typed in, before it is one of the commands.
struct Input {
    std::string dsn, slot = "outbox", topics, brokers, property_file, listen, delivery, format, log_format, log_level, on_poison;
    std::vector<std::string> properties, ids;
    size_t max_in_flight_bytes = max_in_flight_bytes_default;
    long shutdown_grace_ms = shutdown_grace_default_ms, commit_interval_ms = commit_interval_default_ms;
    long server_silence_ms = server_silence_default_ms;
};

CLI::Option *with_variable(CLI::Option *option) {
    if (std::string variable = variable_of(*option); !variable.empty())
        option->description(option->get_description() + " (" + variable + ")");
    return option;
}

template <class Value>
CLI::Option *add_option(CLI::App &command, const char *name, Value &value, const char *help) {
    return with_variable(command.add_option(name, value, help)->check(check_not_blank));
}

CLI::Option *add_flag(CLI::App &command, const char *name, bool &value, const char *help) {
    return with_variable(command.add_flag(name, value, help)->check(check_switch));
}

void add_common_options(CLI::App &command, Input &input, Options &options) {
    add_option(command, "--dsn", input.dsn, "PostgreSQL connection string or URI (else PGHOST, PGDATABASE, … as in psql)")
        ->check(check_dsn);
    add_option(command, "--slot", input.slot, "replication slot [outbox]")->check(check_slot);
    add_option(command, "--topics", input.topics,
               "only these topics: names separated by commas, * at the end of a name for all that follow")
        ->check(check_topics);
    add_option(command, "--log-format", input.log_format, "text or json [text]")
        ->check(one_of<LogFormat>({{"text", LogFormat::text}, {"json", LogFormat::json}}, options.log_format));
    add_option(command, "--log-level", input.log_level, "debug, info, warn or error [info]")
        ->check(one_of<spdlog::level::level_enum>(
            {{"debug", spdlog::level::debug}, {"info", spdlog::level::info}, {"warn", spdlog::level::warn}, {"error", spdlog::level::err}},
            options.log_level));
}

// What run and setup need to know about Kafka alike.
void add_kafka_options(CLI::App &command, Input &input, Delivery &delivery, KafkaTarget &kafka) {
    add_option(command, "--brokers", input.brokers, "Kafka brokers, host:port,…")->check(check_brokers);
    add_option(command, "-X,--property", input.properties, "property=value of librdkafka, repeatable (in the variable: one a line)")
        ->allow_extra_args(false)
        ->take_all();
    add_option(command, "--property-file", input.property_file, "file of property=value lines: the place for passwords");
    add_option(command, "--delivery", input.delivery, "at-least-once or exactly-once [at-least-once]")
        ->check(one_of<Delivery>({{"at-least-once", Delivery::at_least_once}, {"exactly-once", Delivery::exactly_once}}, delivery));
    add_option(command, "--state-topic", kafka.state_topic, "where exactly-once keeps its position [outbox.state]")->check(check_topic);
}

// Of run and skip.
void add_run_options(CLI::App &run, Input &input, RunCommand &command) {
    add_kafka_options(run, input, command.delivery, command.kafka);
    add_option(run, "--commit-interval-ms", input.commit_interval_ms, "how long exactly-once gathers events for a Kafka transaction [50]")
        ->check(range(1, commit_interval_max_ms, "milliseconds"));
    add_option(run, "--on-poison", input.on_poison, "where Kafka refuses an event's content: stop or dead-letter [stop]")
        ->check(one_of<OnPoison>({{"stop", OnPoison::stop}, {"dead-letter", OnPoison::dead_letter}}, command.kafka.on_poison));
    add_option(run, "--dead-letter-topic", command.kafka.dead_letter_topic, "where such events go [outbox.dead-letter]")
        ->check(check_topic);
    add_option(run, "--max-in-flight-bytes", input.max_in_flight_bytes, "memory for events that Kafka has not acknowledged [8388608]")
        ->check(range(max_in_flight_bytes_min, max_in_flight_bytes_max, "bytes"));
    add_option(run, "--format", input.format, "on standard output: json or pretty [json]")
        ->check(one_of<LineFormat>({{"json", LineFormat::json}, {"pretty", LineFormat::pretty}}, command.format));
    add_option(run, "--shutdown-grace-ms", input.shutdown_grace_ms, "how long to wait for Kafka at the end [10000]")
        ->check(range(0, shutdown_grace_max_ms, "milliseconds"));
    add_option(run, "--server-silence-ms", input.server_silence_ms, "how long PostgreSQL may leave the relay without an answer [30000]")
        ->check(range(server_silence_min_ms, server_silence_max_ms, "milliseconds"));
    add_flag(run, "--takeover", command.stream.takeover, "end the relay that has the slot instead of waiting for it");
    add_option(run, "--listen", input.listen, "host:port to answer /live, /ready and /metrics on, over HTTP (none: nowhere)")
        ->check(check_listen);
}

void add_skip_options(CLI::App &skip, Input &input) {
    add_option(skip, "--id", input.ids, "the event's id; repeatable, for events of one transaction")
        ->required()
        ->allow_extra_args(false)
        ->take_all()
        ->check(check_id);
}

void add_setup_options(CLI::App &setup, Input &input, SetupCommand &command) {
    add_kafka_options(setup, input, command.delivery, command.kafka);
    add_flag(setup, "--dry-run", command.dry_run, "print the SQL instead, for an administrator");
    add_flag(setup, "--harden", command.harden,
             "take pg_logical_emit_message() from PUBLIC in this database, and say who can still forge events");
    add_flag(setup, "--reset-state", command.reset_state, "exactly-once: go on from where the slot stands, whatever the state topic says");
}

void add_health_options(CLI::App &health, Input &input, HealthCommand &command) {
    add_option(health, "--listen", input.listen, "host:port that the relay listens on")->check(check_listen);
    add_flag(health, "--ready", command.ready, "ask /ready, whether it streams, instead of /live, whether its loop turns");
}

std::vector<std::string> known_variables(std::initializer_list<CLI::App *> commands) {
    std::vector<std::string> known;
    for (CLI::App *command : commands)
        for (const CLI::Option *option : command->get_options())
            if (std::string variable = variable_of(*option); !variable.empty())
                known.push_back(variable);
    return known;
}

// The file first, so that the command line has the last word.
std::vector<KafkaProperty> kafka_properties(const Input &input, Delivery delivery) {
    std::vector<KafkaProperty> properties;
    if (!input.property_file.empty())
        properties = read_kafka_property_file(input.property_file);
    for (const std::string &text : input.properties)
        properties.push_back(parse_kafka_property(text));
    for (const auto &[property, value] : properties)
        if (value.empty())
            throw std::invalid_argument("property \"" + property + "\" is blank: give it a value, or leave it out");
    if (input.brokers.empty()) {
        if (!properties.empty())
            throw std::invalid_argument("Kafka properties need --brokers");
        if (delivery == Delivery::exactly_once)
            throw std::invalid_argument("--delivery exactly-once needs --brokers");
        return properties;
    }
    check_kafka_properties(properties, delivery == Delivery::exactly_once);
    return properties;
}

// What no event may go to beside: the relay's own topics are two, and none that it is asked to deliver.
void check_own_topics(const Input &input, const KafkaTarget &kafka) {
    if (is_same_topic(kafka.state_topic, kafka.dead_letter_topic))
        throw std::invalid_argument(R"(--state-topic and --dead-letter-topic: expected two topics; for Kafka "." and "_" are the same)");
    std::istringstream names(input.topics);
    for (std::string name; std::getline(names, name, ',');)
        if (is_same_topic(name, kafka.state_topic) || is_same_topic(name, kafka.dead_letter_topic))
            throw std::invalid_argument("--topics: \"" + name + "\" is the relay's own, no topic for events");
}

void check_source(const Input &input) {
    if (std::string reason = check_connection(input.dsn); !reason.empty())
        throw std::invalid_argument("the connection to PostgreSQL: " + reason);
}

SetupCommand setup_command(SetupCommand command, const Input &input) {
    check_source(input);
    command.dsn = input.dsn;
    command.slot = input.slot;
    command.topics = input.topics;
    command.kafka.brokers = input.brokers;
    command.kafka.properties = kafka_properties(input, command.delivery);
    if (command.reset_state && command.delivery != Delivery::exactly_once)
        throw std::invalid_argument("--reset-state needs --delivery exactly-once");
    return command;
}

RunCommand run_command(RunCommand command, const Input &input) {
    if (!input.ids.empty() && input.brokers.empty())
        throw std::invalid_argument("skip needs --brokers");
    if (input.brokers.empty() && !command.to_stdout)
        throw std::invalid_argument("expected --brokers host:port,… (OUTBOX_BROKERS), or --stdout to write the events to standard output");
    if (!input.brokers.empty() && command.to_stdout)
        throw std::invalid_argument("expected --brokers (OUTBOX_BROKERS) or --stdout (OUTBOX_STDOUT), not both");
    check_source(input);
    check_own_topics(input, command.kafka);
    command.stream.dsn = input.dsn;
    command.stream.slot = input.slot;
    command.stream.topics = input.topics;
    command.relay.max_in_flight_bytes = input.max_in_flight_bytes;
    command.relay.shutdown_grace = std::chrono::milliseconds(input.shutdown_grace_ms);
    command.relay.server_silence = std::chrono::milliseconds(input.server_silence_ms);
    command.stream.answer_timeout = std::min(command.stream.answer_timeout, command.relay.server_silence);
    command.listen = parse_endpoint(input.listen);
    command.commit_interval = std::chrono::milliseconds(input.commit_interval_ms);
    command.kafka.brokers = input.brokers;
    command.kafka.properties = kafka_properties(input, command.delivery);
    command.kafka.property_file = input.property_file;
    for (const std::string &text : input.properties)
        if (!text.empty())
            command.kafka.own_properties.push_back(parse_kafka_property(text));
    command.kafka.exactly_once = command.delivery == Delivery::exactly_once;
    command.kafka.skip_ids = {input.ids.begin(), input.ids.end()};
    return command;
}

// The relay listens everywhere on 0.0.0.0 and [::]; who asks it needs an address.
HealthCommand health_command(HealthCommand command, const Input &input) {
    std::optional<Endpoint> endpoint = parse_endpoint(input.listen);
    if (!endpoint || endpoint->port == 0)
        throw std::invalid_argument("health needs --listen (OUTBOX_LISTEN): the relay's host:port");
    command.relay = *endpoint;
    if (command.relay.host == "0.0.0.0")
        command.relay.host = "127.0.0.1";
    if (command.relay.host == "::")
        command.relay.host = "::1";
    return command;
}

[[noreturn]] void refuse(const std::string &what) { throw Failure(ExitCode::usage, what.substr(0, what.find('\n'))); }

// "help run" is "run --help"; "--slot=" is no option without a value, which CLI11 takes "--takeover=" for.
std::vector<std::string> arguments_of(int argc, char **argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (const std::string &argument : arguments)
        if (argument.starts_with("--") && argument.ends_with('='))
            refuse(argument.substr(0, argument.size() - 1) + ": expected a value; without one leave the flag out");
    if (!arguments.empty() && arguments[0] == "help") {
        arguments.erase(arguments.begin());
        arguments.push_back("--help");
    }
    std::reverse(arguments.begin(), arguments.end()); // as CLI11 wants them
    return arguments;
}

} // namespace

std::string version_text() {
    int libpq = PQlibVersion();
    return fmt::format("outbox-relay " OUTBOX_VERSION " (librdkafka {}, libpq {}.{})", rd_kafka_version_str(), libpq / 10000,
                       libpq % 10000);
}

Options parse_options(int argc, char **argv) {
    Options options;
    RunCommand run_input = {};
    SetupCommand setup_input;
    HealthCommand health_input;
    Input input;

    CLI::App app("Streams the events of PostgreSQL's outbox extension to Kafka.", "outbox-relay");
    app.set_version_flag("--version", "outbox-relay " OUTBOX_VERSION);
    app.require_subcommand(1);
    CLI::App *run = app.add_subcommand("run", "stream events from the slot, until SIGTERM");
    CLI::App *setup = app.add_subcommand("setup", "create what is missing on the server: extension, permission for the plugin, slot");
    CLI::App *skip = app.add_subcommand("skip", "deliver up to an event that Kafka refuses, and go past it; takes the options of run");
    CLI::App *health = app.add_subcommand("health", "ask the relay that runs here whether it is well: exit status 0 or 1");
    CLI::App *version = app.add_subcommand("version", "print the version");
    app.add_subcommand("help", "print this, or the options of a command");
    for (CLI::App *command : {run, setup, skip})
        add_common_options(*command, input, options);
    add_run_options(*run, input, run_input);
    add_flag(*run, "--stdout", run_input.to_stdout, "write the events to standard output, a line each, instead of to Kafka");
    add_run_options(*skip, input, run_input);
    add_skip_options(*skip, input);
    add_setup_options(*setup, input, setup_input);
    add_health_options(*health, input, health_input);

    try {
        app.parse(arguments_of(argc, argv));
    } catch (const CLI::Success &asked) { // --help, --version
        exit(app.exit(asked));
    } catch (const CLI::RequiredError &error) {
        if (skip->parsed())
            refuse(error.what());
        std::string given = argc > 1 ? fmt::format("unknown command \"{}\"; ", argv[1]) : "";
        refuse(given + "expected run, setup, skip, health, version or help");
    } catch (const CLI::ParseError &error) {
        refuse(error.what());
    }
    if (version->parsed()) {
        std::cout << version_text() << std::endl;
        for (const std::string &remark : {librdkafka_refusal(rd_kafka_version(), "SCRAM-"), librdkafka_risk(rd_kafka_version())})
            if (!remark.empty())
                std::cerr << "warning: " << remark << std::endl;
        exit(0);
    }
    if (!health->parsed()) // which asks about a relay that may have been refused for its variables
        check_variables(known_variables({run, setup, skip}));
    for (CLI::App *command : app.get_subcommands())
        for (CLI::Option *option : command->get_options())
            read_variable(*option);
    try {
        if (setup->parsed())
            options.command = setup_command(std::move(setup_input), input);
        else if (health->parsed())
            options.command = health_command(std::move(health_input), input);
        else
            options.command = run_command(std::move(run_input), input);
    } catch (const std::invalid_argument &error) {
        refuse(error.what());
    }
    return options;
}

} // namespace outbox
