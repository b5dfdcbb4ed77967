#include "metrics.h"

#include <spdlog/fmt/fmt.h>

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
    text.counter("events_set_aside_total", "Events that Kafka refuses and that the relay went on without.", status.events_set_aside);
    text.counter("sessions_lost_total", "Streams from PostgreSQL that broke off.", status.sessions_lost);
    text.counter("producers_lost_total", "Kafka producers that failed and were replaced.", status.producers_lost);

    text.gauge("in_flight_bytes", "Memory held for events that Kafka has not acknowledged.", status.in_flight_bytes);
    text.gauge("in_flight_transactions", "Transactions begun and not yet delivered.", status.in_flight_transactions);
    text.gauge("confirmed_lsn_bytes", "The position in the WAL confirmed last, as a number.", status.confirmed_lsn);
    text.gauge("wal_end_lsn_bytes", "The position in the WAL that the server named last, as a number.", status.wal_end_lsn);
    return text.take();
}

} // namespace outbox
