#include "config/make_command.h"

#include "base/secret_file.h"
#include "base/shell_quoted.h"
#include "config/dsn.h"
#include "config/protection.h"
#include "config/setup_line.h"
#include "config/topics_file.h"
#include "config/values.h"
#include "kafka/librdkafka_version.h"
#include "kafka/property_sources.h"
#include "kafka/topic_names.h"
#include "postgres/conninfo.h"

#include <algorithm>
#include <sstream>

namespace outbox {

Bounds bounds(const Values &values) {
    return {.max_in_flight_bytes = values.max_in_flight_bytes,
            .shutdown_grace = values.shutdown_grace,
            .server_silence = values.server_silence};
}

std::vector<KafkaProperty> base_properties(const Values &values) {
    std::vector<KafkaProperty> properties = values.kafka;
    if (!values.token_command.empty())
        properties.emplace_back(token_command_property, values.token_command);
    return properties;
}

namespace {

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

} // namespace

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

// The login. Where nobody names an sslmode, a server on another machine has to prove its identity (verify-full).
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

namespace {

std::vector<TopicSpec> topic_specs(const Values &values, const KafkaTarget &kafka) {
    if (values.brokers.empty())
        throw std::invalid_argument("--topics-file needs --brokers");
    if (values.remove)
        throw std::invalid_argument("--topics-file makes topics, which --remove does not take away: expected one of the two");
    std::vector<TopicSpec> topics = read_topics_file(values.topics_file);
    for (const TopicSpec &topic : topics) {
        if (kafka.is_reserved(topic.name))
            throw std::invalid_argument("--topics-file: \"" + topic.name + "\" is the relay's own, no topic for events");
        if (size_t bytes = name_in_kafka(kafka.style, topic.name).size(); bytes > RecordStyle::topic_max)
            throw std::invalid_argument(
                fmt::format("--topics-file: with --topic-template the name of \"{}\" has {} bytes, and Kafka takes {}", topic.name, bytes,
                            RecordStyle::topic_max));
    }
    return topics;
}

} // namespace

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
    if (!values.topics_file.empty())
        command.topic_specs = topic_specs(values, command.kafka);
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
    stream.reset_command = setup_line(values.dsn, values.slot, values.topics, kafka) +
                           (values.config.empty() ? "" : " --config " + shell_quoted(values.config)) + " --reset-state";
    std::vector<std::string> risks = {postgres_risk(stream.login.sslmode.empty() ? tls.sslmode : stream.login.sslmode, tls.is_local),
                                      kafka_risk(kafka.brokers, kafka.properties)};
    return RunCommand{.stream = stream,
                      .relay = {.bounds = bounds(values)},
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

} // namespace outbox
