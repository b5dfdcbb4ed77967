#include "config/settings.h"

#include "config/dsn.h"
#include "config/values.h"
#include "core/wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace outbox {
namespace {

// ---- numbers, and words of which one has to be chosen ---------------------------------------------------------------

std::optional<long long> number_of(const std::string &text) {
    long long value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

struct Range {
    long long from, to;
    const char *unit;
};
constexpr Range patience = {0, 31536000, "seconds"};
constexpr Range count_from_0 = {0, 1000000000, "events"}, count_from_1 = {1, 1000000000, "events"};
constexpr Range budget = {64 << 10, 4LL << 30, "bytes"};
constexpr Range interval = {1, 10000, "milliseconds"};
constexpr Range grace = {0, 3600000, "milliseconds"};
constexpr Range silence = {1000, 3600000, "milliseconds"};

template <const Range &range>
std::string check_range(const std::string &text) {
    std::optional<long long> value = number_of(text);
    bool is_in = value && *value >= range.from && *value <= range.to;
    return is_in ? "" : fmt::format("expected a number of {} from {} to {}", range.unit, range.from, range.to);
}

template <class Value>
struct Choice {
    const char *name;
    Value value;
};
constexpr Choice<Delivery> deliveries[] = {{"at-least-once", Delivery::at_least_once}, {"exactly-once", Delivery::exactly_once}};
constexpr Choice<OnPoison> on_poisons[] = {{"stop", OnPoison::stop}, {"dead-letter", OnPoison::dead_letter}};
constexpr Choice<const char *> plugins[] = {{"outbox", "outbox"}, {"pgoutput", "pgoutput"}};
constexpr Choice<HeaderStyle> header_styles[] = {
    {"plain", HeaderStyle::plain}, {"debezium", HeaderStyle::debezium}, {"cloudevents", HeaderStyle::cloudevents}};
constexpr Choice<KeyStyle> key_styles[] = {{"text", KeyStyle::text}, {"json", KeyStyle::json}};
constexpr Choice<LineFormat> line_formats[] = {{"json", LineFormat::json}, {"pretty", LineFormat::pretty}};
constexpr Choice<LogFormat> log_formats[] = {{"text", LogFormat::text}, {"json", LogFormat::json}};
constexpr Choice<spdlog::level::level_enum> log_levels[] = {
    {"debug", spdlog::level::debug}, {"info", spdlog::level::info}, {"warn", spdlog::level::warn}, {"error", spdlog::level::err}};

template <const auto &choices>
std::string check_choice(const std::string &text) {
    std::string names;
    for (const auto &choice : choices) {
        if (text == choice.name)
            return "";
        names += (names.empty() ? "" : ", ") + std::string(choice.name);
    }
    return "expected one of: " + names;
}

std::string check_listen(const std::string &text) {
    return parse_endpoint(text) ? "" : "expected host:port, such as 127.0.0.1:8090 or [::]:8090";
}

std::string check_role(const std::string &text) {
    constexpr size_t name_bytes_max = 63;
    return !text.empty() && text.size() <= name_bytes_max ? "" : "expected the name of a role, 63 bytes at most";
}

std::string check_until(const std::string &text) {
    return text == "now" || parse_lsn(text) ? "" : "expected now, or an LSN such as 0/16B3748";
}

// ---- where a value goes ---------------------------------------------------------------------------------------------

template <auto member>
void assign(Values &values, const std::string &text) {
    auto &value = values.*member;
    using Value = std::remove_reference_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, std::string>)
        value = text;
    else if constexpr (std::is_same_v<Value, std::vector<std::string>>)
        value.push_back(text);
    else
        value = Value(*number_of(text)); // checked before
}

template <const auto &choices, auto member>
void choose(Values &values, const std::string &text) {
    for (const auto &choice : choices)
        if (text == choice.name)
            values.*member = choice.value;
}

// ---- the rows -------------------------------------------------------------------------------------------------------

constexpr unsigned in_relay = in_run | in_skip, in_all = in_relay | in_setup | in_doctor,
                   in_postgres = in_all | in_drain | in_tail | in_status;

const Setting rows[] = {
    {"config",
     in_postgres | in_dead_letters | in_health,
     "",
     "file of settings",
     "without it `/etc/outbox-relay.toml`, where that is there; [its keys](configuration.md)",
     {nullptr, assign<&Values::config>},
     not_in_file},
    {"dsn",
     in_postgres,
     "",
     "PostgreSQL connection string or URI (else PGHOST, PGDATABASE, … as in psql)",
     "passwords belong in `PGPASSFILE`",
     {check_dsn, assign<&Values::dsn>},
     secret},
    {"password-file",
     in_postgres,
     "",
     "file with PostgreSQL's password and nothing else, read at each connection",
     "a name without a path is one of systemd's credentials ([secrets](configuration.md#secrets))",
     {nullptr, assign<&Values::password_file>}},
    {"password-command",
     in_postgres,
     "",
     "command that prints PostgreSQL's password, asked at each connection",
     "run by `sh -c`, for passwords that expire ([secrets](configuration.md#secrets))",
     {nullptr, assign<&Values::password_command>}},
    {"slot", in_postgres, "outbox", "replication slot", "", {check_slot, assign<&Values::slot>}},
    {"brokers",
     in_all | in_dead_letters,
     "",
     "Kafka brokers, host:port,…",
     "this or `--stdout` must be given, and not both",
     {check_brokers, assign<&Values::brokers>},
     words},
    {"stdout",
     in_run,
     "",
     "write the events to standard output, a line each, instead of to Kafka",
     "what is written there is confirmed",
     {nullptr, nullptr, &Values::to_stdout}},
    {"property",
     in_all | in_dead_letters,
     "",
     "property=value of librdkafka, repeatable (in the variable: one a line)",
     "",
     {nullptr, assign<&Values::properties>},
     list | secret | not_in_file},
    {"property-file",
     in_all | in_dead_letters,
     "",
     "file of property=value lines: the place for passwords",
     "",
     {nullptr, assign<&Values::property_file>},
     reloadable},
    {"token-command",
     in_all | in_dead_letters,
     "",
     "command that prints a token for SASL/OAUTHBEARER, asked before the last one expires",
     "run by `sh -c` ([secrets](configuration.md#secrets))",
     {nullptr, assign<&Values::token_command>},
     reloadable},
    {"topics",
     in_all | in_tail,
     "",
     "only these topics: names separated by commas, * at the end of a name for all that follow",
     "several relays share the work, each with its own slot. Give `setup` the same. A topic that no relay names is not delivered",
     {check_topics, assign<&Values::topics>},
     words},
    {"delivery",
     in_all,
     "at-least-once",
     "at-least-once or exactly-once",
     "[how](exactly-once.md)",
     {check_choice<deliveries>, choose<deliveries, &Values::delivery>}},
    {"state-topic",
     in_all | in_dead_letters,
     "outbox.state",
     "where exactly-once keeps its position",
     "not the dead-letter topic",
     {check_topic, assign<&Values::state_topic>}},
    {"commit-interval-ms",
     in_relay,
     "50",
     "how long exactly-once gathers events for a Kafka transaction, at most",
     "",
     {check_range<interval>, assign<&Values::commit_interval>},
     number},
    {"on-poison",
     in_relay | in_doctor,
     "stop",
     "where Kafka refuses an event's content: stop or dead-letter",
     "[refused events](refused-events.md)",
     {check_choice<on_poisons>, choose<on_poisons, &Values::on_poison>}},
    {"dead-letter-topic",
     in_relay | in_doctor | in_dead_letters,
     "outbox.dead-letter",
     "where such events go",
     "",
     {check_topic, assign<&Values::dead_letter_topic>}},
    {"topic-template",
     in_relay,
     "",
     "what topics are called in Kafka, such as outbox.event.{topic}",
     "not the relay's own. Not on standard output, nor are the settings of records below",
     {check_topic_template, assign<&Values::topic_template>}},
    {"topic-prefix",
     in_relay,
     "",
     "what stands before the topics' names in Kafka",
     "a template that ends in {topic}",
     {check_topic_prefix, assign<&Values::topic_prefix>}},
    {"header-style",
     in_relay,
     "plain",
     "headers of records: plain, debezium or cloudevents",
     "[which these are](consumers.md#header-styles)",
     {check_choice<header_styles>, choose<header_styles, &Values::header_style>}},
    {"ce-source",
     in_relay,
     "",
     "where events come from, for cloudevents, which needs it: a URI, such as /shop/orders",
     "no two databases have the same",
     {check_uri, assign<&Values::ce_source>}},
    {"key-style",
     in_relay,
     "text",
     "keys of records: text or json",
     "`json` is a JSON string with its quotes",
     {check_choice<key_styles>, choose<key_styles, &Values::key_style>}},
    {"lsn-header",
     in_relay,
     "",
     "put the commit's LSN into the header outbox-lsn",
     "[for consumers that read a standby](consumers.md#read-a-standby)",
     {nullptr, nullptr, &Values::lsn_header}},
    {"takeover",
     in_relay,
     "",
     "end the relay that has the slot instead of waiting for it",
     "once, at the start; its role must be ours, or `pg_signal_backend` granted",
     {nullptr, nullptr, &Values::takeover}},
    {"listen",
     in_relay | in_health | in_status,
     "",
     "host:port where the relay answers /live, /ready and /metrics over HTTP (none: nowhere)",
     "IPv6 in brackets; port 0: any free one",
     {check_listen, assign<&Values::listen>}},
    {"max-in-flight-bytes",
     in_relay,
     "67108864",
     "memory for events that Kafka has not acknowledged",
     "at most, with keys, headers and overhead; how much of it is of use finds itself, unless `-X queue.buffering.max.messages` says how "
     "many events",
     {check_range<budget>, assign<&Values::max_in_flight_bytes>},
     number},
    {"format",
     in_relay,
     "json",
     "on standard output: json or pretty",
     "`json` is the line of the stream, `pretty` is for people",
     {check_choice<line_formats>, choose<line_formats, &Values::format>}},
    {"shutdown-grace-ms",
     in_relay,
     "10000",
     "how long to wait for Kafka at the end",
     "",
     {check_range<grace>, assign<&Values::shutdown_grace>},
     number},
    {"server-silence-ms",
     in_relay,
     "30000",
     "how long PostgreSQL may leave the relay without an answer",
     "`wal_sender_timeout`, where that is shorter; then the session ends and the next host of `--dsn` has its turn",
     {check_range<silence>, assign<&Values::server_silence>},
     number},
    {"log-format",
     in_postgres | in_dead_letters,
     "text",
     "text or json",
     "`json` is an object a line",
     {check_choice<log_formats>, choose<log_formats, &Values::log_format>},
     reloadable},
    {"log-level",
     in_postgres | in_dead_letters,
     "info",
     "debug, info, warn or error",
     "",
     {check_choice<log_levels>, choose<log_levels, &Values::log_level>},
     reloadable},
    {"dry-run", in_setup, "", "print the SQL instead, for an administrator", "", {nullptr, nullptr, &Values::dry_run}},
    {"plugin",
     in_setup,
     "outbox",
     "the slot's output plugin: outbox, or pgoutput where the server takes no library",
     "[hosted servers](hosted.md)",
     {check_choice<plugins>, choose<plugins, &Values::plugin>}},
    {"harden",
     in_setup,
     "",
     "take pg_logical_emit_message() from PUBLIC in this database, and say who can still forge events",
     "",
     {nullptr, nullptr, &Values::harden}},
    {"relay-role",
     in_setup,
     "",
     "role for the relay: made where it is missing, with the rights that it needs",
     "",
     {check_role, assign<&Values::relay_role>},
     for_once},
    {"app-role",
     in_setup,
     "",
     "the application's role, which may emit from then on",
     "",
     {check_role, assign<&Values::app_role>},
     for_once},
    {"remove",
     in_setup,
     "",
     "take away the slot, the extension and its schema",
     "asks; refuses while a relay reads, and while events are not delivered",
     {nullptr, nullptr, &Values::remove},
     for_once},
    {"force",
     in_setup,
     "",
     "with --remove: does not ask, and gives up events that are not delivered",
     "",
     {nullptr, nullptr, &Values::force},
     for_once},
    {"reset-state",
     in_setup,
     "",
     "exactly-once: go on from where the slot stands, whatever the state topic says",
     "",
     {nullptr, nullptr, &Values::reset_state},
     for_once},
    {"id",
     in_skip,
     "",
     "the event's id; repeatable, for events of one transaction",
     "",
     {check_id, assign<&Values::ids>},
     list | for_once | required},
    {"ready",
     in_health,
     "",
     "ask /ready, whether it streams, instead of /live, whether its loop turns",
     "",
     {nullptr, nullptr, &Values::ready},
     for_once},
    {"until",
     in_drain,
     "now",
     "what has to be delivered: everything before this LSN, or before now",
     "",
     {check_until, assign<&Values::until>},
     for_once},
    {"timeout",
     in_drain,
     "0",
     "how many seconds to wait; 0: for ever",
     "exit code 11 when they are over",
     {check_range<patience>, assign<&Values::timeout>},
     for_once | number},
    {"limit",
     in_tail | in_dead_letters,
     "0",
     "so many events and no more; 0: tail goes on, dead-letters shows the last 100",
     "",
     {check_range<count_from_0>, assign<&Values::limit>},
     for_once | number},
    {"sample", in_tail, "1", "show one of so many events", "", {check_range<count_from_1>, assign<&Values::sample>}, for_once | number},
    {"since-confirmed",
     in_tail,
     "",
     "begin with the events that no relay has confirmed, not with those of now",
     "",
     {nullptr, nullptr, &Values::since_confirmed},
     for_once},
    {"probe",
     in_doctor,
     "",
     "send one event through the topic outbox.probe, and time it",
     "",
     {nullptr, nullptr, &Values::probe},
     for_once},
    {"standby",
     in_doctor,
     "",
     "connection string of a standby: would the slot be there after a failover",
     "",
     {check_dsn, assign<&Values::standby>},
     for_once | secret},
    {"watch", in_status, "", "again every two seconds, until a signal", "", {nullptr, nullptr, &Values::watch}, for_once},
    {"topic", in_dead_letters, "", "only events of this topic", "", {check_topic, assign<&Values::topic>}, for_once},
    {"origin", in_config, "", "say where each value comes from", "", {nullptr, nullptr, &Values::origin}, for_once},
    {"json",
     in_config | in_doctor | in_drain | in_tail | in_status | in_dead_letters,
     "",
     "one object of JSON",
     "",
     {nullptr, nullptr, &Values::json},
     for_once},
    {"verbose",
     in_version,
     "",
     "also of every library, and of the compiler: for a report of a bug",
     "",
     {nullptr, nullptr, &Values::verbose},
     for_once},
};

// The command that alone takes the setting, where the name does not tell.
std::string only_in(const Setting &setting) {
    switch (setting.commands) {
    case in_run: return " (run)";
    case in_skip: return " (skip)";
    case in_setup: return " (setup)";
    case in_health: return " (health)";
    case in_config: return " (config show)";
    case in_version: return " (version)";
    case in_status: return " (status)";
    case in_dead_letters: return " (dead-letters)";
    case in_drain: return " (drain)";
    case in_tail: return " (tail)";
    default: return "";
    }
}

constexpr auto yes = std::to_array<std::string_view>({"true", "1", "yes", "on"});
constexpr auto no = std::to_array<std::string_view>({"false", "0", "no", "off"});

bool is_among(std::span<const std::string_view> words, const std::string &text) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

} // namespace

std::span<const Setting> settings() { return rows; }

Values::Values() {
    for (const Setting &row : rows)
        if (*row.default_text != '\0')
            row.target.assign(*this, row.default_text);
}

std::string flag_of(const Setting &setting) {
    std::string flag = std::string("--") + setting.key;
    return flag == "--property" ? "-X," + flag : flag;
}

std::string variable_of(const Setting &setting) {
    if ((setting.traits & for_once) != 0)
        return "";
    std::string variable = "OUTBOX_";
    for (const char *c = setting.key; *c != '\0'; c++)
        variable += *c == '-' ? '_' : static_cast<char>(toupper(static_cast<unsigned char>(*c)));
    return variable;
}

std::string key_of(const Setting &setting) {
    if ((setting.traits & (for_once | not_in_file)) != 0)
        return "";
    std::string key = setting.key;
    std::replace(key.begin(), key.end(), '-', '_');
    return key;
}

std::string check_text(const Setting &setting, const std::string &text) {
    if (setting.target.toggle != nullptr)
        return is_among(yes, text) || is_among(no, text) ? "" : "expected true or false";
    if (is_blank(text))
        return "expected a value; without one leave it out";
    return setting.target.check == nullptr ? "" : setting.target.check(text);
}

void assign_text(Values &values, const Setting &setting, const std::string &text) {
    if (setting.target.toggle != nullptr)
        values.*setting.target.toggle = is_among(yes, text);
    else
        setting.target.assign(values, text);
}

std::string settings_as_markdown() {
    auto code = [](const std::string &text) { return text.empty() ? " " : " `" + text + "` "; };
    std::string table = "| flag | variable | default | |\n|---|---|---|---|\n";
    for (const Setting &row : rows) {
        std::string flag = flag_of(row), more = row.more;
        if (size_t comma = flag.find(','); comma != std::string::npos)
            flag.replace(comma, 1, "`, `");
        if ((row.traits & reloadable) != 0)
            more += (more.empty() ? "" : "; ") + std::string("read again with SIGHUP");
        table += "| `" + flag + "`" + only_in(row) + " |" + code(variable_of(row)) + "|" + code(row.default_text) + "| " + row.help +
                 (more.empty() ? "" : "; ") + more + " |\n";
    }
    return table;
}

} // namespace outbox
