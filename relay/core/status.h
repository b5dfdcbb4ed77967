// What the relay is doing, for whoever asks: its loop writes, once a turn, and others read at any moment. Passive: each value is
// right by itself, but they need not fit together to the last event. Tested by test/unit/status_test.cpp and test/t/018_status.t.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace outbox {

enum class RelayState { connecting, standby, streaming, waiting_for_kafka, waiting_for_postgres, draining };

inline constexpr std::array relay_states = {
    RelayState::connecting,           RelayState::standby, RelayState::streaming, RelayState::waiting_for_kafka,
    RelayState::waiting_for_postgres, RelayState::draining};

// What operators read, everywhere in these words.
constexpr const char *name_of(RelayState state) {
    switch (state) {
    case RelayState::connecting: return "connecting";
    case RelayState::standby: return "standby"; // another relay has the slot
    case RelayState::streaming: return "streaming";
    case RelayState::waiting_for_kafka: return "waiting for Kafka";
    case RelayState::waiting_for_postgres: return "waiting for PostgreSQL"; // which says in the log what it waits for itself
    case RelayState::draining: return "draining";
    }
    return "";
}

// pg_replication_slots.wal_status, from good to bad.
inline constexpr std::array wal_statuses = {"reserved", "extended", "unreserved", "lost"};
// One line that the loop writes and others read.
class SharedText {
public:
    void set(const std::string &text) {
        std::lock_guard lock(mutex_);
        if (text_ != text)
            text_ = text;
    }
    std::string get() const {
        std::lock_guard lock(mutex_);
        return text_;
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

struct Status {
    using Clock = std::chrono::steady_clock;
    using Counter = std::atomic<uint64_t>; // since the process began

    const std::chrono::system_clock::time_point started_at = std::chrono::system_clock::now();
    std::atomic<Clock::time_point> turned_at{Clock::now()}; // the loop, last
    std::atomic<RelayState> state{RelayState::connecting};

    Counter events_delivered{0};  // repetitions included
    Counter messages_rejected{0}; // no events at all
    Counter events_rejected{0};   // of topics that are none for events
    Counter events_set_aside{0};  // that Kafka refuses
    Counter sessions_lost{0};     // that were streaming
    Counter producers_lost{0};

    SharedText waiting_for; // the event that keeps the stream waiting; empty: none
    std::atomic<uint64_t> in_flight_bytes{0}, in_flight_transactions{0};
    std::atomic<uint64_t> confirmed_lsn{0}, wal_end_lsn{0}; // 0: not known yet
    std::atomic<int64_t> oldest_commit_ms{0};               // of those with events that Kafka does not have, in Unix time; 0: there is none

    // What the server said of the slot when it was asked last.
    static constexpr int64_t unknown = -1; // never asked, or no value
    std::atomic<int64_t> slot_seen_at_s{unknown};
    std::atomic<int64_t> slot_restart_lsn{unknown}, slot_retained_bytes{unknown}, slot_behind_bytes{unknown};
    std::atomic<int64_t> slot_catalog_xmin_age{unknown}, slot_safe_wal_size{unknown};
    std::atomic<int> slot_wal_status{-1}; // of wal_statuses
};

constexpr auto stuck_after = std::chrono::seconds(60);

// Does the loop still turn? It never sleeps longer than some seconds.
inline bool is_live(const Status &status, Status::Clock::time_point now) { return now - status.turned_at.load() <= stuck_after; }

} // namespace outbox
