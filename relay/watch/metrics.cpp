#include "watch/metrics.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace outbox {
namespace {

class Text {
public:
    void counter(const char *name, const char *help, uint64_t value) { single("counter", name, help, value); }
    void gauge(const char *name, const char *help, uint64_t value) { single("gauge", name, help, value); }

    void head(const char *type, const char *name, const char *help) {
        text_ += fmt::format("# HELP outbox_relay_{0} {1}\n# TYPE outbox_relay_{0} {2}\n", name, help, type);
    }
    void labelled(const char *name, const char *label, const char *label_value, uint64_t value) {
        text_ += fmt::format("outbox_relay_{}{{{}=\"{}\"}} {}\n", name, label, label_value, value);
    }
    std::string take() { return std::move(text_); }

private:
    void single(const char *type, const char *name, const char *help, uint64_t value) {
        head(type, name, help);
        text_ += fmt::format("outbox_relay_{} {}\n", name, value);
    }

    std::string text_;
};

// Once the server has been asked.
void add_slot(Text &text, const Status &status) {
    auto gauge = [&](const char *name, const char *help, int64_t value) {
        if (value != Status::unknown)
            text.gauge(name, help, static_cast<uint64_t>(value));
    };
    gauge("slot_seen_time_seconds", "When the server was asked about the slot last, in Unix time.", status.slot_seen_at_s);
    gauge("restart_lsn_bytes", "The position from which the slot keeps WAL, as a number.", status.slot_restart_lsn);
    gauge("slot_retained_bytes", "WAL that the slot keeps: from restart_lsn to the server's end.", status.slot_retained_bytes);
    gauge("slot_behind_bytes", "WAL from the slot's confirmed position to the server's end.", status.slot_behind_bytes);
    gauge("catalog_xmin_age", "Transactions since the oldest one whose catalog rows the slot keeps.", status.slot_catalog_xmin_age);
    gauge("safe_wal_size_bytes", "WAL that may be written before the slot is lost; absent without max_slot_wal_keep_size.",
          status.slot_safe_wal_size);
    int wal_status = status.slot_wal_status;
    if (wal_status < 0)
        return;
    text.head("gauge", "slot_wal_status", "1 for what the server says of the WAL that the slot needs.");
    for (size_t i = 0; i < wal_statuses.size(); i++)
        text.labelled("slot_wal_status", "status", wal_statuses[i], static_cast<size_t>(wal_status) == i);
}

} // namespace

std::string metrics_text(const Status &status) {
    Text text;
    text.head("gauge", "build_info", "The relay's version.");
    text.labelled("build_info", "version", OUTBOX_VERSION, 1);
    auto started_at = std::chrono::duration_cast<std::chrono::seconds>(status.started_at.time_since_epoch());
    text.gauge("start_time_seconds", "When the process began, in Unix time.", static_cast<uint64_t>(started_at.count()));

    RelayState now = status.state;
    text.head("gauge", "state", "1 for the state that the relay is in.");
    for (RelayState state : relay_states)
        text.labelled("state", "state", name_of(state), state == now);

    text.counter("events_delivered_total", "Events that Kafka has, repetitions included.", status.events_delivered);
    text.counter("messages_rejected_total", "Messages in the stream that are no events.", status.messages_rejected);
    text.counter("events_rejected_total", "Events of topics that are Kafka's or the relay's own.", status.events_rejected);
    text.counter("events_set_aside_total", "Events that Kafka refuses and that the relay went on without.", status.events_set_aside);
    text.counter("sessions_lost_total", "Streams from PostgreSQL that broke off.", status.sessions_lost);
    text.counter("producers_lost_total", "Kafka producers that failed and were replaced.", status.producers_lost);

    text.gauge("in_flight_bytes", "Memory held for events that Kafka has not acknowledged.", status.in_flight_bytes);
    text.gauge("in_flight_transactions", "Transactions begun and not yet delivered.", status.in_flight_transactions);
    text.gauge("confirmed_lsn_bytes", "The position in the WAL confirmed last, as a number.", status.confirmed_lsn);
    text.gauge("wal_end_lsn_bytes", "The position in the WAL that the server named last, as a number.", status.wal_end_lsn);
    int64_t oldest_ms = status.oldest_commit_ms;
    auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    text.gauge("oldest_unconfirmed_seconds", "Since the oldest commit with events that Kafka does not have; 0 where there is none.",
               oldest_ms == 0 ? 0 : static_cast<uint64_t>(std::max<int64_t>(0, now_ms - oldest_ms) / 1000));
    add_slot(text, status);
    return text.take();
}

} // namespace outbox
