#include "config/options.h"

#include "base/secret_file.h"
#include "config/command_line.h"
#include "config/dsn.h"
#include "config/file.h"
#include "config/protection.h"
#include "config/values.h"
#include "kafka/librdkafka_version.h"
#include "kafka/property_sources.h"
#include "postgres/conninfo.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace outbox {
namespace {

// ---- from the settings to a command ---------------------------------------------------------------------------------

std::vector<KafkaProperty> own_properties(const Values &values) {
    std::vector<KafkaProperty> properties;
    for (const std::string &text : values.properties)
        properties.push_back(parse_kafka_property(text));
    return properties;
}

std::vector<KafkaProperty> kafka_properties(const Values &values) {
    std::vector<KafkaProperty> properties = gather_properties(base_properties(values), values.property_file, own_properties(values));
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

RecordStyle record_style(const Values &values) {
    if (!values.topic_prefix.empty() && !values.topic_template.empty())
        throw std::invalid_argument("expected --topic-prefix or --topic-template, not both");
    if (values.header_style == HeaderStyle::cloudevents && values.ce_source.empty())
        throw std::invalid_argument("--header-style cloudevents needs --ce-source (OUTBOX_CE_SOURCE), a URI such as /shop/orders");
    RecordStyle style = {.headers = values.header_style, .key = values.key_style, .source = values.ce_source, .has_lsn = values.lsn_header};
    style.before_topic = values.topic_prefix;
    if (!values.topic_template.empty())
        style.set_topic_template(values.topic_template);
    return style;
}

// The state topic and the dead-letter topic are two, and the relay is not asked to deliver events to either.
void check_own_topics(const Values &values) {
    if (is_same_topic(values.state_topic, values.dead_letter_topic))
        throw std::invalid_argument(R"(--state-topic and --dead-letter-topic: expected two topics; for Kafka "." and "_" are the same)");
    std::istringstream names(values.topics);
    const RecordStyle style = record_style(values);
    std::string scratch;
    for (std::string name; std::getline(names, name, ',');)
        if (std::string_view topic = style.topic(name, scratch);
            is_same_topic(topic, values.state_topic) || is_same_topic(topic, values.dead_letter_topic))
            throw std::invalid_argument(fmt::format("--topics: \"{}\" is the relay's own, no topic for events", topic));
}

// Where nobody says how, whoever answers on another machine has to prove that it is the server.
Login login(const Values &values) {
    if (std::string reason = check_connection(values.dsn); !reason.empty())
        throw std::invalid_argument("the connection to PostgreSQL: " + reason);
    Login login = {.dsn = values.dsn, .password_file = values.password_file, .password_command = values.password_command, .sslmode = ""};
    int passwords = has_password(values.dsn) + !values.password_file.empty() + !values.password_command.empty();
    if (passwords > 1)
        throw std::invalid_argument("expected one password of PostgreSQL: in --dsn, by --password-file or by --password-command");
    if (!values.password_file.empty())
        (void)read_secret_file(values.password_file);
    if (TlsMode mode = tls_mode_of(values.dsn); !mode.is_local && !mode.is_named)
        login.sslmode = "verify-full";
    return login;
}

KafkaTarget kafka_target(const Values &values) {
    KafkaTarget kafka;
    kafka.brokers = values.brokers;
    kafka.properties = kafka_properties(values);
    kafka.base_properties = base_properties(values);
    kafka.property_file = values.property_file;
    kafka.own_properties = own_properties(values);
    kafka.exactly_once = values.delivery == Delivery::exactly_once;
    kafka.on_poison = values.on_poison;
    kafka.dead_letter_topic = values.dead_letter_topic;
    kafka.state_topic = values.state_topic;
    kafka.style = record_style(values);
    kafka.skip_ids = {values.ids.begin(), values.ids.end()};
    return kafka;
}

Command setup_command(const Values &values) {
    SetupCommand command = {.login = login(values),
                            .slot = values.slot,
                            .topics = values.topics,
                            .dry_run = values.dry_run,
                            .plugin = values.plugin,
                            .harden = values.harden,
                            .delivery = values.delivery,
                            .kafka = kafka_target(values),
                            .reset_state = values.reset_state,
                            .relay_role = values.relay_role,
                            .app_role = values.app_role,
                            .remove = values.remove,
                            .force = values.force};
    if (command.reset_state && command.delivery != Delivery::exactly_once)
        throw std::invalid_argument("--reset-state needs --delivery exactly-once");
    if (command.force && !command.remove)
        throw std::invalid_argument("--force needs --remove");
    return command;
}

Command run_command(const Values &values) {
    if (!values.ids.empty() && values.brokers.empty())
        throw std::invalid_argument("skip needs --brokers");
    if (values.brokers.empty() && !values.to_stdout)
        throw std::invalid_argument("expected --brokers host:port,… (OUTBOX_BROKERS), or --stdout to write the events to standard output");
    if (!values.brokers.empty() && values.to_stdout)
        throw std::invalid_argument("expected --brokers (OUTBOX_BROKERS) or --stdout (OUTBOX_STDOUT), not both");
    check_own_topics(values);
    TlsMode tls = tls_mode_of(values.dsn);
    StreamOptions stream = {.login = login(values), .slot = values.slot, .topics = values.topics, .takeover = values.takeover};
    stream.answer_timeout = std::min(stream.answer_timeout, values.server_silence);
    KafkaTarget kafka = kafka_target(values);
    std::vector<std::string> risks = {postgres_risk(stream.login.sslmode.empty() ? tls.sslmode : stream.login.sslmode, tls.is_local),
                                      kafka_risk(kafka.brokers, kafka.properties)};
    return RunCommand{.stream = stream,
                      .relay = {.max_in_flight_bytes = values.max_in_flight_bytes,
                                .shutdown_grace = values.shutdown_grace,
                                .server_silence = values.server_silence},
                      .kafka = kafka,
                      .to_stdout = values.to_stdout,
                      .delivery = values.delivery,
                      .commit_interval = values.commit_interval,
                      .format = values.format,
                      .risks = risks,
                      .listen = parse_endpoint(values.listen)};
}

Command health_command(const Values &values) {
    std::optional<Endpoint> endpoint = relay_address(values);
    if (!endpoint)
        throw std::invalid_argument("health needs --listen (OUTBOX_LISTEN): the relay's host:port");
    return HealthCommand{*endpoint, values.ready};
}

// The same of Kafka alone.
template <auto make>
Command kafka_command(const Values &values) {
    check_own_topics(values);
    return make(values, kafka_target(values));
}

// Of an operator, who looks at a relay with its options.
template <auto make>
Command operate_command(const Values &values) {
    check_own_topics(values);
    if constexpr (std::is_invocable_v<decltype(make), const Values &, Login, KafkaTarget>)
        return make(values, login(values), kafka_target(values));
    else
        return make(values, login(values));
}

Command show_config_command(const Values &values, const Effective &effective) {
    return ShowConfigCommand{effective, values.origin, values.json};
}

Command check_config_command(const Values &values, const Effective &) {
    (void)run_command(values);
    return CheckConfigCommand{};
}

// ---- the commands ---------------------------------------------------------------------------------------------------

// How much of the settings a command looks at.
enum class Reads {
    flags,
    its_own, // it asks about a relay that may run though its settings have changed since: what is wrong elsewhere is no matter
    all,
};

struct CommandRow {
    CommandName name;
    Reads reads;
    Command (*make)(const Values &values, const Effective &effective);
};

template <Command (*make)(const Values &)>
Command from_values(const Values &values, const Effective &) {
    return make(values);
}

const std::vector<CommandRow> &commands() {
    constexpr unsigned in_any = in_run | in_setup;
    static const std::vector<CommandRow> rows = {
        {{"run", "stream events from the slot, until SIGTERM", in_run}, Reads::all, from_values<run_command>},
        {{"setup", "create what is missing on the server: extension, permission for the plugin, slot", in_setup},
         Reads::all,
         from_values<setup_command>},
        {{"skip", "deliver up to an event that Kafka refuses, and go past it; takes the options of run", in_skip},
         Reads::all,
         from_values<run_command>},
        {{"health", "ask the relay that runs here whether it is well: exit status 0 or 1", in_health},
         Reads::its_own,
         from_values<health_command>},
        {{"doctor", "look for what stops the relay, or one day would, and say how to mend it", in_doctor},
         Reads::all,
         from_values<operate_command<doctor_command>>},
        {{"status", "show how the delivery stands, with or without a relay that runs", in_status},
         Reads::all,
         from_values<operate_command<status_command>>},
        {{"dead-letters", "list the events that Kafka refused and the relay set aside", in_dead_letters},
         Reads::all,
         from_values<kafka_command<dead_letters_command>>},
        {{"drain", "wait until everything that was committed before is delivered", in_drain},
         Reads::all,
         from_values<operate_command<drain_command>>},
        {{"tail", "show events as they are committed, and consume none", in_tail}, Reads::all, from_values<operate_command<tail_command>>},
        {{"config show", "print what every setting is, and where it comes from", in_any | in_config}, Reads::all, show_config_command},
        {{"config check", "look whether run would take the settings, without a connection", in_any}, Reads::all, check_config_command},
        {{"version", "print the version", in_version},
         Reads::flags,
         [](const Values &values, const Effective &) -> Command { return VersionCommand{values.verbose}; }},
    };
    return rows;
}

std::vector<CommandName> command_names() {
    std::vector<CommandName> names;
    for (const CommandRow &row : commands())
        names.push_back(row.name);
    return names;
}

// ---- the file -------------------------------------------------------------------------------------------------------

// The flag, the variable, or the file that is there by itself; empty: none.
Given config_file_of(const std::vector<Given> &variables, const std::vector<Given> &flags) {
    for (const std::vector<Given> *source : {&flags, &variables})
        for (const Given &each : *source)
            if (std::string_view(each.setting->key) == "config")
                return each;
    bool is_there = access(default_config_file, F_OK) == 0;
    return {&settings()[0], is_there ? default_config_file : "", "default"};
}

bool gives(const std::vector<Given> &source, const Setting *setting) {
    return std::any_of(source.begin(), source.end(), [&](const Given &each) { return each.setting == setting; });
}

Effective gather(const CommandRow &command, const std::vector<Given> &flags) {
    Effective effective;
    if (command.reads == Reads::flags) {
        check_given(flags);
        effective.take(flags);
        return effective;
    }
    if (command.reads == Reads::all)
        check_variables();
    std::vector<Given> variables = read_variables(command.name.takes);
    Given path = config_file_of(variables, flags);
    if (!path.text.empty()) {
        ConfigFile file = read_config_file(path.text);
        bool is_needed = command.reads == Reads::all || flags.size() + variables.size() == 0;
        if (!file.problem.empty() && is_needed)
            throw Failure(ExitCode::usage, file.problem);
        effective.take({path});
        effective.take(file.given);
        effective.take_kafka(std::move(file.kafka));
    }
    std::erase_if(variables, [&](const Given &variable) { return gives(flags, variable.setting); }); // a flag's variable is not looked at
    check_given(variables);
    check_given(flags);
    effective.take(variables);
    effective.take(flags);
    return effective;
}

} // namespace

std::string version_text() {
    int libpq = PQlibVersion();
    return fmt::format("outbox-relay " OUTBOX_VERSION " (librdkafka {}, libpq {}.{})", rd_kafka_version_str(), libpq / 10000,
                       libpq % 10000);
}

std::vector<KafkaProperty> base_properties(const Values &values) {
    std::vector<KafkaProperty> properties = values.kafka;
    if (!values.token_command.empty())
        properties.emplace_back(token_command_property, values.token_command);
    return properties;
}

Effective read_settings(int argc, char **argv) {
    CommandLine line = parse_command_line(argc, argv, command_names());
    return gather(commands()[line.command], line.given);
}

Options parse_options(int argc, char **argv) {
    CommandLine line = parse_command_line(argc, argv, command_names());
    const CommandRow &command = commands()[line.command];
    Effective effective = gather(command, line.given);
    Values values = effective.values();
    try {
        return {command.make(values, effective), values.log_format, values.log_level, effective};
    } catch (const std::invalid_argument &error) {
        std::string words = error.what();
        throw Failure(ExitCode::usage, words.substr(0, words.find('\n')));
    }
}

} // namespace outbox
