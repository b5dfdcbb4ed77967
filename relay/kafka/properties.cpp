#include "kafka/properties.h"

#include "base/small_file.h"
#include "kafka/broker_names.h"
#include "kafka/librdkafka_version.h"
#include "kafka/property_names.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace outbox {
namespace {

enum class Where { everywhere, without_transactions };

struct Locked {
    std::string_view property;
    const char *value; // null: not set here
    const char *reason;
    Where where = Where::everywhere; // where the value is set
};

constexpr const char *no_gaps = "a retried event must neither be doubled nor overtaken";
constexpr const char *never_dropped = "an event waits for Kafka, it is never given up";
constexpr const char *all_replicas = "an event is confirmed only when every in-sync replica has it";
constexpr const char *same_partition = "a key must have the partition that Java clients give it";
constexpr const char *use_brokers = "use --brokers";
constexpr const char *use_budget = "use --max-in-flight-bytes";
constexpr const char *every_report = "the relay counts every delivery";
constexpr const char *no_mock = "events would be delivered to a broker in the relay's own memory, and be lost with it";

constexpr auto locked = std::to_array<Locked>({
    {"enable.idempotence", "true", no_gaps},
    {"enable.gapless.guarantee", "true", no_gaps, Where::without_transactions},
    {"max.in.flight.requests.per.connection", "5", no_gaps},
    {"max.in.flight", nullptr, no_gaps},
    {"queuing.strategy", "fifo", no_gaps},
    {"acks", "all", all_replicas},
    {"request.required.acks", nullptr, all_replicas},
    {"message.timeout.ms", "0", never_dropped, Where::without_transactions}, // in a Kafka transaction a late record aborts, and comes again
    {"delivery.timeout.ms", nullptr, never_dropped},
    {"retries", nullptr, never_dropped},
    {"message.send.max.retries", nullptr, never_dropped},
    {"partitioner", "murmur2_random", same_partition},
    {"bootstrap.servers", nullptr, use_brokers},
    {"metadata.broker.list", nullptr, use_brokers},
    {"queue.buffering.max.kbytes", "2147483647", use_budget}, // librdkafka's most: an event larger than this would wait for ever
    {"delivery.report.only.error", "false", every_report},
    {"enabled_events", nullptr, every_report},
    {"test.mock.num.brokers", nullptr, no_mock},
    {"transactional.id", nullptr, "it is made of the server's identity and the slot"},
});

constexpr const char *events_in_flight_property = "queue.buffering.max.messages";

constexpr auto defaults = std::to_array<std::pair<const char *, const char *>>({
    {"client.id", "outbox-relay"},
    {"linger.ms", "2"},                     // counts while the stream is busy: AtLeastOnceSink::flush() ends the linger otherwise
    {events_in_flight_property, "1000000"}, // no bound: core/window.h finds one, and --max-in-flight-bytes is one
    {"allow.auto.create.topics", "false"},  // a mistyped name must not become a topic
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "10000"},
    {"reconnect.backoff.max.ms", "2000"},
    {"log_level", "6"},
});

constexpr auto transactional_defaults = std::to_array<std::pair<const char *, const char *>>({
    {"transaction.timeout.ms", "30000"}, // for so long a relay that died holds up consumers of committed records, where no relay takes over
    {"retry.backoff.ms", "20"},          // the coordinator is often busy with the last Kafka transaction for some milliseconds
});

void set(rd_kafka_conf_t *conf, const std::string &property, const std::string &value) {
    if (property == token_command_property)
        return use_token_command(conf, value);
    char error[512];
    switch (rd_kafka_conf_set(conf, property.c_str(), value.c_str(), error, sizeof(error))) {
    case RD_KAFKA_CONF_OK: return;
    case RD_KAFKA_CONF_UNKNOWN:
        throw std::invalid_argument("\"" + property + "\" is not a property of librdkafka " + rd_kafka_version_str() +
                                    "; the nearest that is: " + nearest_kafka_property(property));
    default:
        // librdkafka's own words repeat the value, so a secret's error does without.
        throw std::invalid_argument("invalid value for property \"" + property + "\"" +
                                    (is_secret(property) ? "" : std::string(": ") + error));
    }
}

std::string_view trim(std::string_view text) {
    size_t first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
    return first == std::string_view::npos ? std::string_view() : text.substr(first, last - first + 1);
}

} // namespace

KafkaProperty parse_kafka_property(std::string_view text) {
    size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw std::invalid_argument("expected property=value");
    return {std::string(trim(text.substr(0, equals))), std::string(trim(text.substr(equals + 1)))};
}

std::vector<KafkaProperty> read_kafka_property_file(const std::string &path) {
    std::vector<KafkaProperty> properties;
    int number = 0;
    std::istringstream lines(read_small_file(path));
    for (std::string line; std::getline(lines, line);) {
        number++;
        std::string_view text = trim(line);
        if (text.empty() || text[0] == '#')
            continue;
        try {
            properties.push_back(parse_kafka_property(text));
        } catch (const std::invalid_argument &error) {
            throw std::invalid_argument("\"" + path + "\", line " + std::to_string(number) + ": " + error.what());
        }
    }
    return properties;
}

std::string last_value(const std::vector<KafkaProperty> &properties, std::string_view name, std::string fallback) {
    for (const auto &[property, value] : properties)
        if (property == name)
            fallback = value;
    return fallback;
}

bool is_secret(std::string_view property) {
    constexpr auto words = std::to_array<std::string_view>({"password", "secret", ".pem", "oauthbearer.config", "token"});
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return property.find(word) != std::string_view::npos; });
}

namespace {

KafkaConf make_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties) {
    KafkaConf conf(rd_kafka_conf_new());
    look_names_up_in_time(conf.get());
    for (const auto &[property, value] : defaults)
        set(conf.get(), property, value);
    for (const auto &[property, value] : properties) {
        auto lock = std::find_if(locked.begin(), locked.end(), [&name = property](const Locked &entry) { return entry.property == name; });
        if (lock != locked.end())
            throw std::invalid_argument("property \"" + property + "\" is locked: " + lock->reason);
        set(conf.get(), property, value);
    }
    set(conf.get(), "bootstrap.servers", brokers);
    return conf;
}

void lock(rd_kafka_conf_t *conf, bool with_transactions) {
    for (const Locked &entry : locked)
        if (entry.value != nullptr && !(with_transactions && entry.where == Where::without_transactions))
            set(conf, std::string(entry.property), entry.value);
}

void try_out(rd_kafka_type_t type, KafkaConf conf) {
    std::string error;
    if (!make_kafka_client(type, std::move(conf), error))
        throw std::invalid_argument("Kafka properties: " + error);
}

std::string value_of(const rd_kafka_conf_t *conf, const char *property) {
    char value[128] = "";
    size_t size = sizeof(value);
    rd_kafka_conf_get(conf, property, value, &size);
    return value;
}

void check_library(const rd_kafka_conf_t *conf) {
    if (!value_of(conf, "security.protocol").starts_with("sasl"))
        return;
    std::string refusal = librdkafka_refusal(rd_kafka_version(), value_of(conf, "sasl.mechanisms"));
    if (!refusal.empty())
        throw std::invalid_argument(refusal);
}

} // namespace

static void note_error(rd_kafka_t *, int error, const char *text, void *kafka) {
    static_cast<Reachability *>(kafka)->note(static_cast<rd_kafka_resp_err_t>(error), text, std::chrono::steady_clock::now());
}

static void note_log(const rd_kafka_t *client, int level, const char *facility, const char *line) {
    static_cast<Reachability *>(rd_kafka_opaque(client))->note_log(level, facility, line, std::chrono::steady_clock::now());
}

KafkaHandle make_kafka_client(rd_kafka_type_t type, KafkaConf conf, std::string &error, Reachability *kafka) {
    rd_kafka_conf_set_log_cb(conf.get(), nullptr); // by default librdkafka prints to standard error
    if (kafka != nullptr) {
        rd_kafka_conf_set_opaque(conf.get(), kafka);
        rd_kafka_conf_set_error_cb(conf.get(), note_error);
        rd_kafka_conf_set_log_cb(conf.get(), note_log);
        rd_kafka_conf_set(conf.get(), "log.queue", "true", nullptr, 0); // otherwise librdkafka's threads would call note_log
    }
    char words[512] = "";
    KafkaHandle handle(rd_kafka_new(type, conf.get(), words, sizeof(words)));
    if (handle) {
        (void)conf.release();
        if (kafka != nullptr) {
            rd_kafka_set_log_queue(handle.get(), nullptr);
            start_tokens(handle.get());
        }
    }
    error = words;
    return handle;
}

// The value that counts where a property is given more than once; empty: the property is not given.
static std::string last_value(const std::vector<KafkaProperty> &properties, std::initializer_list<std::string_view> names) {
    std::string last;
    for (const auto &[property, value] : properties)
        if (std::find(names.begin(), names.end(), property) != names.end())
            last = value;
    return last;
}

size_t events_in_flight_set(const std::vector<KafkaProperty> &properties) {
    return strtoull(last_value(properties, {events_in_flight_property}).c_str(), nullptr, 10);
}

// Refuses a login without a name or password. librdkafka would try such a login for ever, and the broker would seem not to answer.
static void require_complete_login(const std::vector<KafkaProperty> &properties) {
    std::string mechanism = last_value(properties, {"sasl.mechanisms", "sasl.mechanism"});
    std::transform(mechanism.begin(), mechanism.end(), mechanism.begin(), [](unsigned char c) { return toupper(c); });
    if (mechanism == "PLAIN" || mechanism.starts_with("SCRAM-"))
        for (const char *property : {"sasl.username", "sasl.password"})
            if (last_value(properties, {property}).empty())
                throw std::invalid_argument("sasl.mechanisms=" + mechanism + " needs " + property);
    bool has_command = !last_value(properties, {token_command_property}).empty();
    if (has_command && mechanism != "OAUTHBEARER")
        throw std::invalid_argument("--token-command needs sasl.mechanisms=OAUTHBEARER");
    bool has_token = has_command || last_value(properties, {"sasl.oauthbearer.method"}) == "oidc" ||
                     last_value(properties, {"enable.sasl.oauthbearer.unsecure.jwt"}) == "true";
    if (mechanism == "OAUTHBEARER" && !has_token)
        throw std::invalid_argument(
            "sasl.mechanisms=OAUTHBEARER needs a way to get tokens: --token-command, sasl.oauthbearer.method=oidc with "
            "sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret, "
            "or for tests enable.sasl.oauthbearer.unsecure.jwt=true");
}

// Makes clients without brokers, which connect to nothing.
void check_kafka_properties(const std::vector<KafkaProperty> &properties, bool exactly_once) {
    require_complete_login(properties);
    KafkaConf conf = make_kafka_conf("", properties);
    check_library(conf.get());
    try_out(RD_KAFKA_PRODUCER, std::move(conf));
    if (!exactly_once)
        return;
    try_out(RD_KAFKA_PRODUCER, make_transactional_conf("", properties, "outbox"));
    try_out(RD_KAFKA_CONSUMER, make_consumer_conf("", properties, "read_committed"));
}

KafkaConf make_kafka_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties) {
    KafkaConf conf = make_conf(brokers, properties);
    lock(conf.get(), false);
    return conf;
}

KafkaConf make_transactional_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties,
                                  const std::string &transactional_id) {
    KafkaConf conf = make_conf(brokers, {});
    for (const auto &[property, value] : transactional_defaults)
        set(conf.get(), property, value);
    for (const auto &[property, value] : properties)
        set(conf.get(), property, value);
    lock(conf.get(), true);
    set(conf.get(), "transactional.id", transactional_id);
    return conf;
}

KafkaConf make_consumer_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties, const char *isolation_level) {
    KafkaConf conf = make_conf(brokers, properties);
    set(conf.get(), "isolation.level", isolation_level);
    set(conf.get(), "enable.partition.eof", "true");
    set(conf.get(), "auto.offset.reset", "error"); // a log that is cut off while it is read must not count as read
    set(conf.get(), "fetch.wait.max.ms", "100");   // a consumer ends only when its last fetch is answered
    set(conf.get(), "queued.max.messages.kbytes", "64");
    return conf;
}

} // namespace outbox
