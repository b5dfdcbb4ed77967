#include "watch/screen.h"

#include <fmt/format.h>

#include <array>

namespace outbox {
namespace {

constexpr double catching_up_s = 10;
constexpr auto slot_counts = std::chrono::seconds(60);

std::optional<int64_t> known(int64_t figure) { return figure == SlotFigures::unknown ? std::nullopt : std::optional(figure); }
std::optional<bool> truth(int64_t figure) { return figure < 0 ? std::nullopt : std::optional(figure != 0); }

const char *advice_for(RelayState state, int slot_state) {
    if (slot_state >= 0 && std::string_view(slot_states[static_cast<size_t>(slot_state)]) == "lost")
        return "The server has removed WAL that the slot needed: its undelivered events are lost. Drop the slot, run outbox-relay setup, "
               "and "
               "have the application emit again what consumers lack.";
    if (slot_state >= 0 && std::string_view(slot_states[static_cast<size_t>(slot_state)]) == "missing")
        return "The server has no slot of this name. outbox-relay setup creates one; events committed without a slot are not delivered.";
    switch (state) {
    case RelayState::connecting: return "PostgreSQL is not reached yet; the relay tries again by itself. The reason is below.";
    case RelayState::standby: return "Another relay reads the slot. This one takes over when the other ends.";
    case RelayState::streaming: return "";
    case RelayState::waiting_for_kafka:
        return "An event waits for Kafka: its brokers, its topic, or the right to write there. The relay goes on by itself once they are "
               "there.";
    case RelayState::waiting_for_postgres:
        return "PostgreSQL holds events back, for a standby that has to have them first. The reason is below.";
    case RelayState::draining: return "The relay delivers what is in flight and ends.";
    case RelayState::stopped: return "The relay has ended. The reason is below.";
    }
    return "";
}

void add_slot(Screen &screen, const SlotFigures &slot) {
    std::chrono::system_clock::time_point seen_at{std::chrono::milliseconds(slot.seen_at_ms)};
    if (slot.seen_at_ms == SlotFigures::unknown || std::chrono::system_clock::now() - seen_at > slot_counts)
        return;
    screen.backlog_bytes = known(slot.behind_bytes);
    screen.retained_wal_bytes = known(slot.retained_bytes);
    screen.safe_wal_bytes = known(slot.safe_bytes);
    screen.catalog_xmin_age = known(slot.catalog_xmin_age);
    screen.slot_active = truth(slot.active);
    screen.failover_ready = truth(slot.failover_ready);
    if (int state = slot.state; state >= 0)
        screen.slot_state = slot_states[static_cast<size_t>(state)];
}

void add_rates(Screen &screen, const Status &status, const Samples &samples) {
    Sample now = Samples::sample_of(status);
    if (const Sample *before = samples.a_minute_ago()) {
        screen.events_per_second = Samples::rate(*before, now);
        Durations::Buckets recent = Samples::between(*before, now);
        if (double p50 = Durations::quantile_s(recent, 0.5); p50 >= 0) {
            screen.commit_to_ack_p50_s = p50;
            screen.commit_to_ack_p99_s = Durations::quantile_s(recent, 0.99);
        }
    }
    if (int64_t at = status.delivered_at_ms; at != 0)
        screen.delivery_s_ago =
            std::max(0.0, std::chrono::duration<double>(now.at.time_since_epoch()).count() - static_cast<double>(at) / 1000);
}

void add_notes(Screen &screen) {
    if (screen.set_aside != 0)
        screen.notes.push_back(count_text(screen.set_aside) + " events set aside since the relay's start: docs/refused-events.md");
    if (screen.rejected != 0)
        screen.notes.push_back(count_text(screen.rejected) +
                               " messages in the stream that are no events, since the relay's start: docs/hostile-roles.md");
    if (screen.safe_wal_bytes == SlotFigures::unlimited)
        screen.notes.push_back("without max_slot_wal_keep_size the slot keeps WAL until the disk is full");
    if (screen.failover_ready == false)
        screen.notes.push_back(
            "a failover would lose the slot: the slot is no failover slot, or no standby that must have it is connected");
}

} // namespace

Screen screen_of(const Status &status, const Samples &samples) {
    Screen screen{};
    RelayState state = status.state;
    screen.lag_s = status.lag_s(std::chrono::system_clock::now());
    bool catches_up = state == RelayState::streaming && screen.lag_s > catching_up_s;
    screen.word = catches_up ? "catching up" : name_of(state);
    add_slot(screen, status.slot);
    screen.is_good = state == RelayState::streaming || state == RelayState::standby;
    screen.advice =
        catches_up ? "The relay delivers a backlog." : advice_for(state, screen.slot_state.empty() ? -1 : int{status.slot.state});
    screen.waiting_for = status.waiting_for.get();
    add_rates(screen, status, samples);
    screen.set_aside = status.events_set_aside;
    screen.rejected = status.messages_rejected + status.events_rejected;
    add_notes(screen);
    return screen;
}

std::vector<Check> checks_of(const Status &status) {
    RelayState state = status.state;
    bool streams = state == RelayState::streaming || state == RelayState::waiting_for_kafka || state == RelayState::waiting_for_postgres;
    int slot = status.slot.state;
    bool is_gone = slot >= 3; // lost or missing
    std::string waits = status.waiting_for.get();
    return {{"loop", is_live(status, Status::Clock::now()), "the loop has not turned for a minute"},
            {"postgres", streams && state != RelayState::waiting_for_postgres, name_of(state)},
            {"kafka", state != RelayState::waiting_for_kafka, waits.empty() ? name_of(state) : waits},
            {"slot", !is_gone, slot < 0 ? "" : slot_states[static_cast<size_t>(slot)]},
            {"process", state != RelayState::draining && state != RelayState::stopped, name_of(state)}};
}

std::string bytes_text(int64_t bytes) {
    constexpr std::array units = {"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < units.size()) {
        value /= 1000;
        unit++;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string count_text(uint64_t count) {
    std::string digits = std::to_string(count);
    for (size_t at = digits.size(); at > 3; at -= 3)
        digits.insert(at - 3, ",");
    return digits;
}

std::string seconds_text(double seconds) {
    if (seconds > 0 && seconds < 0.1)
        return fmt::format("{:.1f} ms", seconds * 1000);
    if (seconds < 120)
        return fmt::format("{:.1f} s", seconds);
    if (seconds < 7200)
        return fmt::format("{:.0f} min", seconds / 60);
    return fmt::format("{:.1f} h", seconds / 3600);
}

} // namespace outbox
