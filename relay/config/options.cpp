#include "config/options.h"

#include "config/dsn.h"
#include "config/values.h"
#include "config/variables.h"
#include "kafka/librdkafka_version.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <sstream>

namespace outbox {
namespace {

// ---- from the settings to a command ---------------------------------------------------------------------------------

// The file first, so that the command line has the last word.
std::vector<KafkaProperty> kafka_properties(const Values &values) {
    std::vector<KafkaProperty> properties;
    if (!values.property_file.empty())
        properties = read_kafka_property_file(values.property_file);
    for (const std::string &text : values.properties)
        properties.push_back(parse_kafka_property(text));
    for (const auto &[property, value] : properties)
        if (value.empty())
            throw std::invalid_argument("property \"" + property + "\" is blank: give it a value, or leave it out");
    if (values.brokers.empty()) {
        if (!properties.empty())
            throw std::invalid_argument("Kafka properties need --brokers");
        if (values.delivery == Delivery::exactly_once)
            throw std::invalid_argument("--delivery exactly-once needs --brokers");
        return properties;
    }
    check_kafka_properties(properties, values.delivery == Delivery::exactly_once);
    return properties;
}

// The state topic and the dead-letter topic are two, and the relay is not asked to deliver events of either.
void check_own_topics(const Values &values) {
    if (is_same_topic(values.state_topic, values.dead_letter_topic))
        throw std::invalid_argument(R"(--state-topic and --dead-letter-topic: expected two topics; for Kafka "." and "_" are the same)");
    std::istringstream names(values.topics);
    for (std::string name; std::getline(names, name, ',');)
        if (is_same_topic(name, values.state_topic) || is_same_topic(name, values.dead_letter_topic))
            throw std::invalid_argument("--topics: \"" + name + "\" is the relay's own, no topic for events");
}

void check_source(const Values &values) {
    if (std::string reason = check_connection(values.dsn); !reason.empty())
        throw std::invalid_argument("the connection to PostgreSQL: " + reason);
}

KafkaTarget kafka_target(const Values &values) {
    KafkaTarget kafka;
    kafka.brokers = values.brokers;
    kafka.properties = kafka_properties(values);
    kafka.property_file = values.property_file;
    for (const std::string &text : values.properties)
        if (!text.empty())
            kafka.own_properties.push_back(parse_kafka_property(text));
    kafka.exactly_once = values.delivery == Delivery::exactly_once;
    kafka.on_poison = values.on_poison;
    kafka.dead_letter_topic = values.dead_letter_topic;
    kafka.state_topic = values.state_topic;
    kafka.skip_ids = {values.ids.begin(), values.ids.end()};
    return kafka;
}

SetupCommand setup_command(const Values &values) {
    check_source(values);
    SetupCommand command = {.dsn = values.dsn,
                            .slot = values.slot,
                            .topics = values.topics,
                            .dry_run = values.dry_run,
                            .harden = values.harden,
                            .delivery = values.delivery,
                            .kafka = kafka_target(values),
                            .reset_state = values.reset_state};
    if (command.reset_state && command.delivery != Delivery::exactly_once)
        throw std::invalid_argument("--reset-state needs --delivery exactly-once");
    return command;
}

RunCommand run_command(const Values &values) {
    if (!values.ids.empty() && values.brokers.empty())
        throw std::invalid_argument("skip needs --brokers");
    if (values.brokers.empty() && !values.to_stdout)
        throw std::invalid_argument("expected --brokers host:port,… (OUTBOX_BROKERS), or --stdout to write the events to standard output");
    if (!values.brokers.empty() && values.to_stdout)
        throw std::invalid_argument("expected --brokers (OUTBOX_BROKERS) or --stdout (OUTBOX_STDOUT), not both");
    check_source(values);
    check_own_topics(values);
    StreamOptions stream = {.dsn = values.dsn, .slot = values.slot, .topics = values.topics, .takeover = values.takeover};
    stream.answer_timeout = std::min(stream.answer_timeout, values.server_silence);
    return {.stream = stream,
            .relay = {.max_in_flight_bytes = values.max_in_flight_bytes,
                      .shutdown_grace = values.shutdown_grace,
                      .server_silence = values.server_silence},
            .kafka = kafka_target(values),
            .to_stdout = values.to_stdout,
            .delivery = values.delivery,
            .commit_interval = values.commit_interval,
            .format = values.format,
            .listen = parse_endpoint(values.listen)};
}

// The relay listens everywhere on 0.0.0.0 and [::]; who asks it needs an address.
HealthCommand health_command(const Values &values) {
    std::optional<Endpoint> endpoint = parse_endpoint(values.listen);
    if (!endpoint || endpoint->port == 0)
        throw std::invalid_argument("health needs --listen (OUTBOX_LISTEN): the relay's host:port");
    if (endpoint->host == "0.0.0.0")
        endpoint->host = "127.0.0.1";
    if (endpoint->host == "::")
        endpoint->host = "::1";
    return {*endpoint, values.ready};
}

// ---- the command line -----------------------------------------------------------------------------------------------

std::string check_not_blank(const std::string &text) { return is_blank(text) ? "expected a value; without one leave the flag out" : ""; }

std::string check_switch(const std::string &text) {
    constexpr auto words = std::to_array<std::string_view>({"true", "false", "1", "0", "yes", "no", "on", "off"});
    return std::find(words.begin(), words.end(), text) == words.end() ? "expected true or false" : "";
}

std::string help_of(const Setting &row) {
    std::string help = row.help, variable = variable_of(row);
    if (*row.default_text != '\0')
        help += std::string(" [") + row.default_text + "]";
    return variable.empty() ? help : help + " (" + variable + ")";
}

void add_option(CLI::App &command, const Setting &row, Values &values) {
    if (row.target.toggle != nullptr) {
        command.add_flag(flag_of(row), values.*row.target.toggle, help_of(row))->check(check_switch);
        return;
    }
    CLI::callback_t take = [&row, &values](const std::vector<std::string> &texts) {
        for (const std::string &text : texts)
            row.target.assign(values, text);
        return true;
    };
    CLI::Option *option = command.add_option(flag_of(row), std::move(take), help_of(row))->type_name("TEXT")->check(check_not_blank);
    if (row.target.check != nullptr)
        option->check(row.target.check);
    if ((row.traits & list) != 0)
        option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false)->take_all();
    option->required((row.traits & required) != 0);
}

void read_variables(CLI::App &command, std::span<const Setting> rows) {
    for (const Setting &row : rows) {
        CLI::Option *option = command.get_option_no_throw(std::string("--") + row.key);
        if (std::string variable = variable_of(row); option != nullptr && !variable.empty())
            read_variable(*option, variable);
    }
}

std::vector<std::string> known_variables() {
    std::vector<std::string> known;
    for (const Setting &row : settings())
        if (std::string variable = variable_of(row); !variable.empty())
            known.push_back(variable);
    return known;
}

[[noreturn]] void refuse(const std::string &what) { throw Failure(ExitCode::usage, what.substr(0, what.find('\n'))); }

// "help run" is "run --help"; "--slot=" is no option without a value, which CLI11 takes "--takeover=" for.
std::vector<std::string> arguments_of(int argc, char **argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (const std::string &argument : arguments)
        if (argument.starts_with("--") && argument.ends_with('='))
            refuse(argument.substr(0, argument.size() - 1) + ": expected a value; without one leave the flag out");
    if (arguments == std::vector<std::string>{"help", "--markdown"}) { // for docs/relay.md
        std::cout << settings_as_markdown();
        exit(0);
    }
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

namespace {

[[noreturn]] void print_version() {
    std::cout << version_text() << std::endl;
    for (const std::string &remark : {librdkafka_refusal(rd_kafka_version(), "SCRAM-"), librdkafka_risk(rd_kafka_version())})
        if (!remark.empty())
            std::cerr << "warning: " << remark << std::endl;
    exit(0);
}

} // namespace

Options parse_options(int argc, char **argv) {
    Values values;
    CLI::App app("Streams the events of PostgreSQL's outbox extension to Kafka.", "outbox-relay");
    app.set_version_flag("--version", "outbox-relay " OUTBOX_VERSION);
    app.require_subcommand(1);
    CLI::App *run = app.add_subcommand("run", "stream events from the slot, until SIGTERM");
    CLI::App *setup = app.add_subcommand("setup", "create what is missing on the server: extension, permission for the plugin, slot");
    CLI::App *skip = app.add_subcommand("skip", "deliver up to an event that Kafka refuses, and go past it; takes the options of run");
    CLI::App *health = app.add_subcommand("health", "ask the relay that runs here whether it is well: exit status 0 or 1");
    CLI::App *version = app.add_subcommand("version", "print the version");
    app.add_subcommand("help", "print this, or the options of a command");
    for (const Setting &row : settings())
        for (auto [command, bit] : {std::pair{run, in_run}, {setup, in_setup}, {skip, in_skip}, {health, in_health}})
            if ((row.commands & bit) != 0)
                add_option(*command, row, values);

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
    if (version->parsed())
        print_version();
    if (!health->parsed()) // which asks about a relay that may have been refused for its variables
        check_variables(known_variables());
    for (CLI::App *command : app.get_subcommands())
        read_variables(*command, settings());
    Options options = {.command = {}, .log_format = values.log_format, .log_level = values.log_level};
    try {
        if (setup->parsed())
            options.command = setup_command(values);
        else if (health->parsed())
            options.command = health_command(values);
        else
            options.command = run_command(values);
    } catch (const std::invalid_argument &error) {
        refuse(error.what());
    }
    return options;
}

} // namespace outbox
