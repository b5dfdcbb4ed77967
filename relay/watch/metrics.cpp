#include "watch/metrics.h"

#include "watch/families.h"
#include "watch/process_metrics.h"

#include <cmath>
#include <utility>

namespace outbox {
namespace {

using prometheus::MetricType;
using WallClock = std::chrono::system_clock;

constexpr auto slot_counts = std::chrono::seconds(60); // an answer of the server counts for so long

void add_slot_state(Families &families, int state) {
    if (state < 0)
        return;
    families.begin(MetricType::Gauge, "slot_state", "1 for the slot's wal_status on the server; missing: the server has no such slot.");
    for (size_t i = 0; i < slot_states.size(); i++)
        families.add({{"state", slot_states[i]}}, static_cast<size_t>(state) == i);
}

// Adds the slot's figures, unless the server's last answer is older than a minute.
void add_slot(Families &families, const SlotFigures &slot, WallClock::time_point now) {
    if (slot.seen_at_ms == SlotFigures::unknown)
        return;
    families.gauge("slot_seen_timestamp_seconds", "When the server last answered about the slot, in Unix time.",
                   static_cast<double>(slot.seen_at_ms) / 1000);
    if (now - WallClock::time_point(std::chrono::milliseconds(slot.seen_at_ms)) > slot_counts)
        return;
    auto gauge = [&](const char *name, const char *help, int64_t value) {
        if (value != SlotFigures::unknown)
            families.gauge(name, help, value == SlotFigures::unlimited ? -1 : static_cast<double>(value));
    };
    gauge("slot_restart_lsn_bytes", "The position from which the slot keeps WAL, as a number.", slot.restart_lsn);
    gauge("slot_retained_wal_bytes", "WAL that the slot keeps: from restart_lsn to the server's end.", slot.retained_bytes);
    gauge("slot_confirmed_lag_bytes", "WAL from the slot's confirmed position to the server's end.", slot.behind_bytes);
    gauge("slot_safe_wal_bytes", "WAL that may be written before the slot is lost; -1: unlimited.", slot.safe_bytes);
    gauge("slot_wal_limit_bytes", "The server's max_slot_wal_keep_size; -1: unlimited.", slot.limit_bytes);
    gauge("slot_catalog_xmin_age", "Transactions since the oldest one whose catalog rows the slot keeps.", slot.catalog_xmin_age);
    gauge("slot_active", "1 while somebody reads the slot, this relay or another.", slot.active);
    gauge("slot_failover_ready",
          "1 where the slot is a failover slot and the standbys that must have it are connected; absent before PostgreSQL 17.",
          slot.failover_ready);
    gauge("slot_oldest_xact_seconds",
          "Age of the oldest open transaction with a transaction id, in any database; absent where the role may not see it.",
          slot.oldest_transaction_s);
    add_slot_state(families, slot.state);
}

// Adds the topics' events. Events that were delivered without a topic's tally, as on standard output, count as "other".
void add_topics(Families &families, const Status &status) {
    uint64_t all = status.events_delivered, known = status.events_set_aside;
    status.tallies->topics.for_each([&known](std::string_view, uint64_t events, uint64_t) { known += events; });
    uint64_t unknown = all > known ? all - known : 0;
    families.begin(MetricType::Counter, "events_delivered_total", "Events that Kafka has, repetitions included.");
    status.tallies->topics.for_each([&](std::string_view topic, uint64_t events, uint64_t) {
        families.add({{"topic", topic}}, static_cast<double>(events + std::exchange(unknown, 0)));
    });
    families.begin(MetricType::Counter, "bytes_delivered_total", "Bytes of the records of events that Kafka has, repetitions included.");
    status.tallies->topics.for_each([&](std::string_view topic, uint64_t, uint64_t bytes) {
        families.add({{"topic", topic}}, static_cast<double>(bytes));
    });
}

void add_labelled(Families &families, const char *name, const char *help, const LabelledCounts &counts, const char *first,
                  const char *second = nullptr) {
    families.begin(MetricType::Counter, name, help);
    for (const auto &[labels, count] : counts.get()) {
        if (second == nullptr)
            families.add({{first, labels.first}}, static_cast<double>(count));
        else
            families.add({{first, labels.first}, {second, labels.second}}, static_cast<double>(count));
    }
}

void add_durations(Families &families, const Durations &durations) {
    families.begin(MetricType::Histogram, "commit_to_ack_seconds",
                   "From a commit until Kafka has acknowledged its events, once for events that came together.");
    prometheus::ClientMetric::Histogram &histogram = families.sample({}).histogram;
    Durations::Buckets buckets = durations.buckets();
    for (size_t i = 0; i < buckets.size(); i++) {
        histogram.sample_count += buckets[i];
        double bound = i < Durations::bounds_us.size() ? static_cast<double>(Durations::bounds_us[i]) / 1e6 : HUGE_VAL;
        histogram.bucket.push_back({histogram.sample_count, bound});
    }
    histogram.sample_sum = static_cast<double>(durations.sum_us()) / 1e6;
}

// Adds librdkafka's statistics, unless they are older than a minute.
void add_kafka(Families &families, const SharedKafkaFigures &shared) {
    KafkaFigures figures = shared.get();
    if (Status::Clock::now() - figures.at > slot_counts)
        return;
    families.begin(MetricType::Summary, "kafka_round_trip_seconds", "Round trips of requests to a broker; quantiles are of ten seconds.");
    for (const auto &[id, broker] : figures.brokers) {
        prometheus::ClientMetric::Summary &summary = families.sample({{"broker", std::to_string(id)}}).summary;
        summary.quantile = {{0.5, broker.round_trip_p50_s}, {0.99, broker.round_trip_p99_s}};
        summary.sample_count = broker.round_trips;
        summary.sample_sum = broker.round_trip_sum_s;
    }
    families.begin(MetricType::Gauge, "kafka_throttle_seconds",
                   "The longest time of ten seconds for which a broker throttled the producer.");
    for (const auto &[id, broker] : figures.brokers)
        families.add({{"broker", std::to_string(id)}}, broker.throttle_s);
    families.gauge("kafka_queue_events", "Records in librdkafka's queues.", static_cast<double>(figures.queue_events));
    families.gauge("kafka_queue_bytes", "Bytes of the records in librdkafka's queues.", static_cast<double>(figures.queue_bytes));
}

void add_counts(Families &families, const Status &status) {
    auto counter = [&families](const char *name, const char *help, uint64_t value) {
        families.counter(name, help, static_cast<double>(value));
    };
    add_topics(families, status);
    counter("messages_rejected_total", "Messages in the stream that are no events.", status.messages_rejected);
    counter("events_rejected_total", "Events of topics that are Kafka's or the relay's own.", status.events_rejected);
    const Tallies &tallies = *status.tallies;
    add_labelled(families, "events_set_aside_total",
                 "Events that Kafka refused or an operator skipped, and that the relay went on without.", tallies.set_aside, "topic",
                 "reason");
    add_labelled(families, "delivery_errors_total", "Records that Kafka did not take, by Kafka's error.", tallies.delivery_errors, "code");
    add_labelled(families, "kafka_transactions_total", "Kafka transactions of exactly-once delivery.", tallies.transactions, "result");
    add_labelled(families, "reconnects_total", "Connections that were lost and made again.", tallies.reconnects, "peer", "reason");
    counter("sessions_lost_total", "Streams from PostgreSQL that broke off.", status.sessions_lost);
    counter("producers_lost_total", "Kafka producers that failed and were replaced.", status.producers_lost);
}

// Adds a time; a time that never came stays absent.
void add_timestamp(Families &families, const char *name, const char *help, int64_t at_ms) {
    if (at_ms != 0)
        families.gauge(name, help, static_cast<double>(at_ms) / 1000);
}

void add_delivery(Families &families, const Status &status, WallClock::time_point now) {
    auto gauge = [&families](const char *name, const char *help, uint64_t value) {
        families.gauge(name, help, static_cast<double>(value));
    };
    families.gauge("lag_seconds", "Seconds since the commit of the oldest event that Kafka does not have; 0 where Kafka has all events.",
                   status.lag_s(now));
    add_timestamp(families, "last_delivery_timestamp_seconds", "When Kafka acknowledged the last event, in Unix time.",
                  status.delivered_at_ms);
    add_timestamp(families, "last_confirmed_timestamp_seconds", "When the relay last confirmed a position, in Unix time.",
                  status.confirmed_at_ms);
    gauge("in_flight_bytes", "Memory held for events that Kafka has not acknowledged.", status.in_flight_bytes);
    if (status.window_events > 0)
        gauge("window_events", "How many events of up to 1.5 kB may be in flight: a bound that the relay finds, unless it is set.",
              status.window_events);
    gauge("in_flight_transactions", "Transactions begun and not yet delivered.", status.in_flight_transactions);
    gauge("confirmed_lsn_bytes", "The last confirmed position in the WAL, as a number.", status.confirmed_lsn);
    gauge("wal_end_lsn_bytes", "The end of the server's WAL as the stream last named it, as a number.", status.wal_end_lsn);
}

} // namespace

std::string metrics_text(const Status &status) {
    auto now = WallClock::now();
    Families families;
    families.begin(MetricType::Gauge, "build_info", "The relay's version.");
    families.add({{"version", OUTBOX_VERSION}}, 1);
    const About &about = status.about;
    families.begin(MetricType::Gauge, "info", "What the relay reads and how it delivers.");
    families.add({{"version", OUTBOX_VERSION}, {"slot", about.slot}, {"delivery", about.delivery}, {"topics", about.topics}}, 1);
    auto started_at = std::chrono::duration_cast<std::chrono::seconds>(status.started_at.time_since_epoch());
    families.gauge("start_time_seconds", "When the process began, in Unix time.", static_cast<double>(started_at.count()));
    families.begin(MetricType::Gauge, "state", "1 for the state that the relay is in.");
    RelayState state = status.state;
    for (RelayState each : relay_states)
        families.add({{"state", name_of(each)}}, each == state);
    add_counts(families, status);
    add_delivery(families, status, now);
    add_slot(families, status.slot, now);
    add_durations(families, status.tallies->commit_to_ack);
    add_kafka(families, status.tallies->kafka);
    add_process(families);
    return families.text();
}

} // namespace outbox
