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

std::string check_topics(const std::string &topics) {
    constexpr const char *expected = "expected topic names separated by commas, each with an optional * at its end";
    size_t start = 0;
    do {
        size_t end = std::min(topics.find(',', start), topics.size());
        std::string_view name = std::string_view(topics).substr(start, end - start);
        if (name.ends_with('*'))
            name.remove_suffix(1);
        else if (name.empty())
            return expected;
        for (char c : name)
            if (!isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-')
                return expected;
        start = end + 1;
    } while (start <= topics.size());
    return "";
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
    std::string dsn, slot = "outbox", topics, brokers, property_file, listen, format = "json", log_format = "text", log_level = "info";
    std::vector<std::string> properties;
    size_t max_in_flight_bytes = max_in_flight_bytes_default;
    long shutdown_grace_ms = shutdown_grace_default_ms;
};

void add_common_options(CLI::App &command, Input &input, Options &options) {
    command.add_option("--dsn", input.dsn, "PostgreSQL connection string or URI (else PGHOST, PGDATABASE, … as in psql)")
        ->envname("OUTBOX_DSN")
        ->check(check_dsn);
    command.add_option("--slot", input.slot, "replication slot [outbox]")->envname("OUTBOX_SLOT")->check(check_slot);
    command.add_option("--log-format", input.log_format, "text or json [text]")
        ->envname("OUTBOX_LOG_FORMAT")
        ->check(one_of<LogFormat>({{"text", LogFormat::text}, {"json", LogFormat::json}}, options.log_format));
    command.add_option("--log-level", input.log_level, "debug, info, warn or error [info]")
        ->envname("OUTBOX_LOG_LEVEL")
        ->check(one_of<spdlog::level::level_enum>(
            {{"debug", spdlog::level::debug}, {"info", spdlog::level::info}, {"warn", spdlog::level::warn}, {"error", spdlog::level::err}},
            options.log_level));
}

void add_run_options(CLI::App &run, Input &input, RunCommand &command) {
    run.add_option("--brokers", input.brokers, "Kafka brokers, host:port,… (none: events go to standard output)")
        ->envname("OUTBOX_BROKERS");
    run.add_option("-X,--property", input.properties, "property=value of librdkafka, repeatable (in the variable: one a line)")
        ->envname("OUTBOX_PROPERTY")
        ->delimiter('\n')
        ->allow_extra_args(false)
        ->take_all();
    run.add_option("--property-file", input.property_file, "file of property=value lines: the place for passwords")
        ->envname("OUTBOX_PROPERTY_FILE");
    run.add_option("--topics", input.topics, "only these topics: names separated by commas, * at the end of a name for all that follow")
        ->envname("OUTBOX_TOPICS")
        ->check(check_topics);
    run.add_option("--max-in-flight-bytes", input.max_in_flight_bytes, "memory for events that Kafka has not acknowledged [8388608]")
        ->envname("OUTBOX_MAX_IN_FLIGHT_BYTES")
        ->check(range(max_in_flight_bytes_min, max_in_flight_bytes_max, "bytes"));
    run.add_option("--format", input.format, "on standard output: json or pretty [json]")
        ->envname("OUTBOX_FORMAT")
        ->check(one_of<LineFormat>({{"json", LineFormat::json}, {"pretty", LineFormat::pretty}}, command.format));
    run.add_option("--shutdown-grace-ms", input.shutdown_grace_ms, "how long to wait for Kafka at the end [10000]")
        ->envname("OUTBOX_SHUTDOWN_GRACE_MS")
        ->check(range(0, shutdown_grace_max_ms, "milliseconds"));
    run.add_option("--listen", input.listen, "host:port to answer /live, /ready and /metrics on, over HTTP (none: nowhere)")
        ->envname("OUTBOX_LISTEN")
        ->check(check_listen);
}

// The file first, so that the command line has the last word.
std::vector<KafkaProperty> kafka_properties(const Input &input) {
    std::vector<KafkaProperty> properties;
    if (!input.property_file.empty())
        properties = read_kafka_property_file(input.property_file);
    for (const std::string &text : input.properties)
        if (!text.empty())
            properties.push_back(parse_kafka_property(text));
    if (!input.brokers.empty())
        make_kafka_conf(input.brokers, properties); // throws where librdkafka does not know them
    else if (!properties.empty())
        throw std::invalid_argument("Kafka properties need --brokers");
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

} // namespace

Options parse_options(int argc, char **argv) {
    Options options;
    RunCommand run_command;
    SetupCommand setup_command;
    Input input;

    CLI::App app("Streams the events of PostgreSQL's outbox extension to Kafka.", "outbox-relay");
    app.set_version_flag("--version", "outbox-relay " OUTBOX_VERSION);
    app.require_subcommand(1);
    CLI::App *run = app.add_subcommand("run", "stream events from the slot, until SIGTERM");
    CLI::App *setup = app.add_subcommand("setup", "create what is missing on the server: extension, permission for the plugin, slot");
    CLI::App *version = app.add_subcommand("version", "print the version");
    for (CLI::App *command : {run, setup, version})
        command->parse_complete_callback([] {}); // a command reads its variables only when it was given
    add_common_options(*run, input, options);
    add_run_options(*run, input, run_command);
    add_common_options(*setup, input, options);
    setup->add_flag("--dry-run", setup_command.dry_run, "print the SQL instead, for an administrator")->envname("OUTBOX_DRY_RUN");

    try {
        app.parse(argc, argv);
        for (const CLI::App *command : app.get_subcommands())
            check_variables(*command);
    } catch (const CLI::Success &asked) { // --help, --version
        exit(app.exit(asked));
    } catch (const CLI::RequiredError &) {
        std::string given = argc > 1 ? fmt::format("unknown command \"{}\"; ", argv[1]) : "";
        refuse(given + "expected run, setup or version (see --help)");
    } catch (const CLI::ParseError &error) {
        refuse(error.what());
    }
    if (version->parsed()) {
        std::cout << "outbox-relay " OUTBOX_VERSION " (librdkafka " << rd_kafka_version_str() << ")\n";
        exit(0);
    }
    if (setup->parsed()) {
        setup_command.dsn = input.dsn;
        setup_command.slot = input.slot;
        options.command = setup_command;
        return options;
    }
    if (run->get_option("--brokers")->count() > 0 && input.brokers.empty())
        refuse("--brokers: expected host:port,…; leave the flag out for standard output");
    run_command.relay = {
        {input.dsn, input.slot, input.topics}, input.max_in_flight_bytes, std::chrono::milliseconds(input.shutdown_grace_ms)};
    run_command.listen = parse_endpoint(input.listen);
    try {
        run_command.kafka = {input.brokers, kafka_properties(input), {}, 0};
    } catch (const std::invalid_argument &error) {
        refuse(error.what());
    }
    options.command = run_command;
    return options;
}

} // namespace outbox
