#include "options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>

namespace outbox {
namespace {

constexpr size_t max_in_flight_bytes_default = 8 << 20;
constexpr size_t max_in_flight_bytes_min = 64 << 10, max_in_flight_bytes_max = size_t{4} << 30;
constexpr long shutdown_grace_default_ms = 10000, shutdown_grace_max_ms = 3600000;
constexpr long server_silence_default_ms = 30000, server_silence_min_ms = 1000, server_silence_max_ms = 3600000;
constexpr long commit_interval_default_ms = 50, commit_interval_max_ms = 10000;
constexpr size_t topic_bytes_max = 249; // Kafka's
constexpr size_t topics_max = 1000;     // the plugin's

// libpq's own words could repeat a part of a password, but for those about an option's name.
std::string check_dsn(const std::string &dsn) {
    if (dsn.find('=') == std::string::npos && dsn.find("://") == std::string::npos)
        return ""; // a database's name
    char *reason = nullptr;
    PQconninfoOption *options = PQconninfoParse(dsn.c_str(), &reason);
    PQconninfoFree(options);
    std::string words = reason == nullptr ? "" : reason;
    PQfreemem(reason);
    if (options != nullptr)
        return "";
    bool about_name = words.starts_with("invalid connection option") || words.starts_with("invalid URI query parameter");
    return "expected a libpq connection string or URI" + (about_name ? ": " + words : "");
}

std::string check_slot(const std::string &slot) {
    bool valid = !slot.empty() && slot.size() <= 63 &&
                 std::all_of(slot.begin(), slot.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
    return valid ? "" : "expected a slot name: 1 to 63 of a-z, 0-9 and _";
}

bool begins_topic(std::string_view text) {
    return text.size() <= topic_bytes_max &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_topic(std::string_view text) { return begins_topic(text) && !text.empty() && text != "." && text != ".."; }

// The plugin's rule, which would refuse what the relay sends it only once it is connected.
std::string check_topics(const std::string &topics) {
    constexpr const char *expected = "expected at most 1000 topic names separated by commas, each with an optional * at its end";
    size_t start = 0, count = 0;
    do {
        size_t end = std::min(topics.find(',', start), topics.size());
        std::string_view name = std::string_view(topics).substr(start, end - start);
        bool is_prefix = name.ends_with('*');
        if (++count > topics_max || !(is_prefix ? begins_topic(name.substr(0, name.size() - 1)) : is_topic(name)))
            return expected;
        start = end + 1;
    } while (start <= topics.size());
    return "";
}

std::string check_topic(const std::string &topic) {
    return is_topic(topic) ? "" : "expected a topic's name: 1 to 249 of a-z, A-Z, 0-9, \".\", \"_\" and \"-\"";
}

std::string check_id(const std::string &id) {
    constexpr std::string_view shape = "00000000-0000-0000-0000-000000000000";
    bool valid = id.size() == shape.size();
    for (size_t i = 0; valid && i < id.size(); i++)
        valid = shape[i] == '-' ? id[i] == '-' : isdigit(static_cast<unsigned char>(id[i])) || (id[i] >= 'a' && id[i] <= 'f');
    return valid ? "" : "expected an event's id, as emit() returned it: a UUID in lower case";
}

std::string check_listen(const std::string &text) {
    return parse_endpoint(text) ? "" : "expected host:port, such as 127.0.0.1:8090 or [::]:8090";
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

void add_common_options(CLI::App &command, Input &input, Options &options) {
    command.add_option("--dsn", input.dsn, "PostgreSQL connection string or URI (else PGHOST, PGDATABASE, … as in psql)")
        ->envname("OUTBOX_DSN")
        ->check(check_dsn);
    command.add_option("--slot", input.slot, "replication slot [outbox]")->envname("OUTBOX_SLOT")->check(check_slot);
    command
        .add_option("--topics", input.topics, "only these topics: names separated by commas, * at the end of a name for all that follow")
        ->envname("OUTBOX_TOPICS")
        ->check(check_topics);
    command.add_option("--log-format", input.log_format, "text or json [text]")
        ->envname("OUTBOX_LOG_FORMAT")
        ->check(one_of<LogFormat>({{"text", LogFormat::text}, {"json", LogFormat::json}}, options.log_format));
    command.add_option("--log-level", input.log_level, "debug, info, warn or error [info]")
        ->envname("OUTBOX_LOG_LEVEL")
        ->check(one_of<spdlog::level::level_enum>(
            {{"debug", spdlog::level::debug}, {"info", spdlog::level::info}, {"warn", spdlog::level::warn}, {"error", spdlog::level::err}},
            options.log_level));
}

// What run and setup need to know about Kafka alike.
void add_kafka_options(CLI::App &command, Input &input, Delivery &delivery, KafkaTarget &kafka) {
    command.add_option("--brokers", input.brokers, "Kafka brokers, host:port,… (run without: events go to standard output)")
        ->envname("OUTBOX_BROKERS");
    command.add_option("-X,--property", input.properties, "property=value of librdkafka, repeatable (in the variable: one a line)")
        ->envname("OUTBOX_PROPERTY")
        ->delimiter('\n')
        ->allow_extra_args(false)
        ->take_all();
    command.add_option("--property-file", input.property_file, "file of property=value lines: the place for passwords")
        ->envname("OUTBOX_PROPERTY_FILE");
    command.add_option("--delivery", input.delivery, "at-least-once or exactly-once [at-least-once]")
        ->envname("OUTBOX_DELIVERY")
        ->check(one_of<Delivery>({{"at-least-once", Delivery::at_least_once}, {"exactly-once", Delivery::exactly_once}}, delivery));
    command.add_option("--state-topic", kafka.state_topic, "where exactly-once keeps its position [outbox.state]")
        ->envname("OUTBOX_STATE_TOPIC")
        ->check(check_topic);
}

void add_run_options(CLI::App &run, Input &input, RunCommand &command) {
    add_kafka_options(run, input, command.delivery, command.kafka);
    run.add_option("--commit-interval-ms", input.commit_interval_ms, "how long exactly-once gathers events for a Kafka transaction [50]")
        ->envname("OUTBOX_COMMIT_INTERVAL_MS")
        ->check(range(1, commit_interval_max_ms, "milliseconds"));
    run.add_option("--on-poison", input.on_poison, "where Kafka refuses an event's content: stop or dead-letter [stop]")
        ->envname("OUTBOX_ON_POISON")
        ->check(one_of<OnPoison>({{"stop", OnPoison::stop}, {"dead-letter", OnPoison::dead_letter}}, command.kafka.on_poison));
    run.add_option("--dead-letter-topic", command.kafka.dead_letter_topic, "where such events go [outbox.dead-letter]")
        ->envname("OUTBOX_DEAD_LETTER_TOPIC")
        ->check(check_topic);
    run.add_option("--max-in-flight-bytes", input.max_in_flight_bytes, "memory for events that Kafka has not acknowledged [8388608]")
        ->envname("OUTBOX_MAX_IN_FLIGHT_BYTES")
        ->check(range(max_in_flight_bytes_min, max_in_flight_bytes_max, "bytes"));
    run.add_option("--format", input.format, "on standard output: json or pretty [json]")
        ->envname("OUTBOX_FORMAT")
        ->check(one_of<LineFormat>({{"json", LineFormat::json}, {"pretty", LineFormat::pretty}}, command.format));
    run.add_option("--shutdown-grace-ms", input.shutdown_grace_ms, "how long to wait for Kafka at the end [10000]")
        ->envname("OUTBOX_SHUTDOWN_GRACE_MS")
        ->check(range(0, shutdown_grace_max_ms, "milliseconds"));
    run.add_option("--server-silence-ms", input.server_silence_ms, "how long PostgreSQL may leave the relay without an answer [30000]")
        ->envname("OUTBOX_SERVER_SILENCE_MS")
        ->check(range(server_silence_min_ms, server_silence_max_ms, "milliseconds"));
    run.add_flag("--takeover", command.relay.stream.takeover, "end the relay that has the slot instead of waiting for it")
        ->envname("OUTBOX_TAKEOVER");
    run.add_option("--listen", input.listen, "host:port to answer /live, /ready and /metrics on, over HTTP (none: nowhere)")
        ->envname("OUTBOX_LISTEN")
        ->check(check_listen);
}

void add_setup_options(CLI::App &setup, Input &input, SetupCommand &command) {
    add_kafka_options(setup, input, command.delivery, command.kafka);
    setup.add_flag("--dry-run", command.dry_run, "print the SQL instead, for an administrator")->envname("OUTBOX_DRY_RUN");
    setup
        .add_flag("--harden", command.harden,
                  "take pg_logical_emit_message() from PUBLIC in this database, and say who can still forge events")
        ->envname("OUTBOX_HARDEN");
    setup.add_flag("--reset-state", command.reset_state,
                   "exactly-once: go on from where the slot stands, whatever the state topic says"); // no variable: it is for once
}

// The file first, so that the command line has the last word.
std::vector<KafkaProperty> kafka_properties(const Input &input, Delivery delivery) {
    std::vector<KafkaProperty> properties;
    if (!input.property_file.empty())
        properties = read_kafka_property_file(input.property_file);
    for (const std::string &text : input.properties)
        if (!text.empty())
            properties.push_back(parse_kafka_property(text));
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

[[noreturn]] void refuse(const std::string &what) {
    std::string line = what.substr(0, what.find('\n'));
    throw Failure(ExitCode::usage, line);
}

// CLI11 from 2.4 on ignores a variable whose value is wrong. A wrong setting must not look like the default.
void check_variables(const CLI::App &command) {
    for (const CLI::Option *option : command.get_options()) {
        const char *value = option->get_envname().empty() ? nullptr : getenv(option->get_envname().c_str());
        if (value == nullptr || *value == '\0' || option->count() > 0)
            continue;
        auto *ignored = const_cast<CLI::Option *>(option);
        ignored->add_result(value);
        ignored->run_callback(); // throws what the check says
    }
}

SetupCommand setup_command(SetupCommand command, const Input &input) {
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
    command.relay.stream.dsn = input.dsn;
    command.relay.stream.slot = input.slot;
    command.relay.stream.topics = input.topics;
    command.relay.max_in_flight_bytes = input.max_in_flight_bytes;
    command.relay.shutdown_grace = std::chrono::milliseconds(input.shutdown_grace_ms);
    command.relay.server_silence = std::chrono::milliseconds(input.server_silence_ms);
    command.listen = parse_endpoint(input.listen);
    command.commit_interval = std::chrono::milliseconds(input.commit_interval_ms);
    command.kafka.brokers = input.brokers;
    command.kafka.properties = kafka_properties(input, command.delivery);
    command.kafka.skip_ids = {input.ids.begin(), input.ids.end()};
    if (!input.ids.empty() && input.brokers.empty())
        throw std::invalid_argument("skip needs --brokers");
    return command;
}

} // namespace

Options parse_options(int argc, char **argv) {
    Options options;
    RunCommand run_input = {};
    SetupCommand setup_input;
    Input input;

    CLI::App app("Streams the events of PostgreSQL's outbox extension to Kafka.", "outbox-relay");
    app.set_version_flag("--version", "outbox-relay " OUTBOX_VERSION);
    app.require_subcommand(1);
    CLI::App *run = app.add_subcommand("run", "stream events from the slot, until SIGTERM");
    CLI::App *setup = app.add_subcommand("setup", "create what is missing on the server: extension, permission for the plugin, slot");
    CLI::App *skip = app.add_subcommand("skip", "deliver up to an event that Kafka refuses, and go past it; takes the options of run");
    CLI::App *version = app.add_subcommand("version", "print the version");
    for (CLI::App *command : {run, setup, skip, version})
        command->parse_complete_callback([] {}); // a command reads its variables only when it was given
    for (CLI::App *command : {run, setup, skip})
        add_common_options(*command, input, options);
    add_run_options(*run, input, run_input);
    add_run_options(*skip, input, run_input);
    skip->add_option("--id", input.ids, "the event's id; repeatable, for events of one transaction")
        ->required()
        ->allow_extra_args(false)
        ->take_all()
        ->check(check_id);
    add_setup_options(*setup, input, setup_input);

    try {
        app.parse(argc, argv);
        for (const CLI::App *command : app.get_subcommands())
            check_variables(*command);
    } catch (const CLI::Success &asked) { // --help, --version
        exit(app.exit(asked));
    } catch (const CLI::RequiredError &error) {
        if (skip->parsed())
            refuse(error.what());
        std::string given = argc > 1 ? fmt::format("unknown command \"{}\"; ", argv[1]) : "";
        refuse(given + "expected run, setup, skip or version (see --help)");
    } catch (const CLI::ParseError &error) {
        refuse(error.what());
    }
    if (version->parsed()) {
        std::cout << "outbox-relay " OUTBOX_VERSION " (librdkafka " << rd_kafka_version_str() << ")\n";
        exit(0);
    }
    for (const CLI::App *command : {run, setup, skip})
        if (command->get_option("--brokers")->count() > 0 && input.brokers.empty())
            refuse("--brokers: expected host:port,…; leave the flag out for standard output");
    try {
        if (setup->parsed())
            options.command = setup_command(std::move(setup_input), input);
        else
            options.command = run_command(std::move(run_input), input);
    } catch (const std::invalid_argument &error) {
        refuse(error.what());
    }
    return options;
}

} // namespace outbox
