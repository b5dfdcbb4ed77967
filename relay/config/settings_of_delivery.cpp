// The settings of the delivery, and of watching the relay. Tested by test/t/051_options.t.
#include "config/setting_row.h"

namespace outbox {
namespace {

constexpr Range budget = {64 << 10, 4LL << 30, "bytes"};
constexpr Range interval = {1, 10000, "milliseconds"};
constexpr Range grace = {0, 3600000, "milliseconds"};
constexpr Range silence = {1000, 3600000, "milliseconds"};
constexpr Choice<Delivery> deliveries[] = {{"at-least-once", Delivery::at_least_once}, {"exactly-once", Delivery::exactly_once}};
constexpr Choice<OnPoison> on_poisons[] = {{"stop", OnPoison::stop}, {"dead-letter", OnPoison::dead_letter}};
constexpr Choice<HeaderStyle> header_styles[] = {
    {"plain", HeaderStyle::plain}, {"debezium", HeaderStyle::debezium}, {"cloudevents", HeaderStyle::cloudevents}};
constexpr Choice<KeyStyle> key_styles[] = {{"text", KeyStyle::text}, {"json", KeyStyle::json}};
constexpr Choice<LineFormat> line_formats[] = {{"json", LineFormat::json}, {"pretty", LineFormat::pretty}};
constexpr Choice<LogFormat> log_formats[] = {{"text", LogFormat::text}, {"json", LogFormat::json}};
constexpr Choice<spdlog::level::level_enum> log_levels[] = {
    {"debug", spdlog::level::debug}, {"info", spdlog::level::info}, {"warn", spdlog::level::warn}, {"error", spdlog::level::err}};

std::string check_listen(const std::string &text) {
    return parse_endpoint(text) ? "" : "expected host:port, such as 127.0.0.1:8090 or [::]:8090";
}

const Setting rows[] = {
    {"topics",
     in_all | in_tail,
     "",
     "deliver only these topics: names separated by commas; * at the end of a name stands for any rest",
     "several relays share the work, each with its own slot. Give `setup` the same. A topic that no relay names is not delivered",
     {check_topics, assign<&Values::topics>},
     words},
    {"delivery", in_all, "at-least-once", "at-least-once or exactly-once", "[how](exactly-once.md)",
     one_of<deliveries, &Values::delivery>()},
    {"state-topic",
     in_all | in_dead_letters,
     "outbox.state",
     "Kafka topic in which exactly-once delivery keeps its position",
     "not the dead-letter topic",
     {check_topic, assign<&Values::state_topic>}},
    {"commit-interval-ms",
     in_relay,
     "50",
     "the longest that exactly-once delivery gathers events for a Kafka transaction",
     "",
     {check_range<interval>, assign<&Values::commit_interval>},
     number},
    {"on-poison", in_relay | in_doctor, "stop", "what to do when Kafka refuses an event's content: stop or dead-letter",
     "[refused events](refused-events.md)", one_of<on_poisons, &Values::on_poison>()},
    {"dead-letter-topic",
     in_relay | in_doctor | in_dead_letters,
     "outbox.dead-letter",
     "Kafka topic for the dead letters of refused events",
     "",
     {check_topic, assign<&Values::dead_letter_topic>}},
    {"topic-template",
     in_relay | in_setup | in_doctor,
     "",
     "name of each topic in Kafka, such as outbox.event.{topic}",
     "not the relay's own. Not on standard output, nor are the settings of records below",
     {check_topic_template, assign<&Values::topic_template>}},
    {"topic-prefix",
     in_relay | in_setup | in_doctor,
     "",
     "prefix of each topic's name in Kafka",
     "a template that ends in {topic}",
     {check_topic_prefix, assign<&Values::topic_prefix>}},
    {"header-style", in_relay, "plain", "headers of records: plain, debezium or cloudevents",
     "[which these are](consumers.md#header-styles)", one_of<header_styles, &Values::header_style>()},
    {"ce-source",
     in_relay,
     "",
     "source of the events, which cloudevents needs: a URI, such as /shop/orders",
     "a different one for each database",
     {check_uri, assign<&Values::ce_source>}},
    {"key-style", in_relay, "text", "keys of records: text or json", "`json` is a JSON string with its quotes",
     one_of<key_styles, &Values::key_style>()},
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
     "once, at the start; both relays must have the same role, or this relay's role `pg_signal_backend`",
     {nullptr, nullptr, &Values::takeover}},
    {"listen",
     in_relay | in_health | in_status | in_doctor,
     "",
     "host:port where the relay answers /livez, /readyz and /metrics over HTTP (none: nowhere)",
     "IPv6 in brackets; port 0: any free one",
     {check_listen, assign<&Values::listen>}},
    {"max-in-flight-bytes",
     in_relay,
     "268435456",
     "memory for events that Kafka has not acknowledged",
     "an upper bound, with keys, headers and overhead; the relay finds by itself how much of this memory is of use, unless `-X "
     "queue.buffering.max.messages` sets the number of events",
     {check_range<budget>, assign<&Values::max_in_flight_bytes>},
     number | reloadable},
    {"format", in_relay, "json", "form of events on standard output: json or pretty",
     "`json` is the line of the stream, `pretty` is for people", one_of<line_formats, &Values::format>()},
    {"shutdown-grace-ms",
     in_relay,
     "10000",
     "how long the relay waits for Kafka when it ends",
     "",
     {check_range<grace>, assign<&Values::shutdown_grace>},
     number | reloadable},
    {"server-silence-ms",
     in_relay,
     "30000",
     "how long the relay waits for an answer of PostgreSQL",
     "`wal_sender_timeout`, where that is shorter; then the session ends and the next host of `--dsn` has its turn",
     {check_range<silence>, assign<&Values::server_silence>},
     number | reloadable},
    {"log-format", in_postgres | in_dead_letters, "text", "form of log lines: text or json", "`json` is an object a line",
     one_of<log_formats, &Values::log_format>(), reloadable},
    {"log-level", in_postgres | in_dead_letters, "info", "lowest level that is logged: debug, info, warn or error", "",
     one_of<log_levels, &Values::log_level>(), reloadable},
};

} // namespace

std::span<const Setting> settings_of_delivery() { return rows; }

} // namespace outbox
