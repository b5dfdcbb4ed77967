// What the relay is doing, for whoever asks: its loop writes, once a turn, and others read at any moment. Passive: each value is
// right by itself, but they need not fit together to the last event. Tested by test/unit/status_test.cpp and test/t/018_status.t.
#pragma once

#include "core/tallies.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace outbox {

enum class RelayState { connecting, standby, streaming, waiting_for_kafka, waiting_for_postgres, draining, stopped };

inline constexpr std::array relay_states = {
    RelayState::connecting,           RelayState::standby,  RelayState::streaming, RelayState::waiting_for_kafka,
    RelayState::waiting_for_postgres, RelayState::draining, RelayState::stopped};

// What operators read, everywhere in these words.
constexpr const char *name_of(RelayState state) {
    switch (state) {
    case RelayState::connecting: return "connecting";
    case RelayState::standby: return "standby"; // another relay has the slot
    case RelayState::streaming: return "streaming";
    case RelayState::waiting_for_kafka: return "waiting for Kafka";
    case RelayState::waiting_for_postgres: return "waiting for PostgreSQL"; // which says in the log what it waits for itself
    case RelayState::draining: return "draining";
    case RelayState::stopped: return "stopped"; // its slot is lost
    }
    return "";
}

// What the slot is in: the server's words in pg_replication_slots.wal_status, from good to bad, and one for a slot that is not there.
inline constexpr std::array slot_states = {"reserved", "extended", "unreserved", "lost", "missing"};

// What the server said of the slot when it was asked last. -1: never asked, or no value, but where something else is said.
struct SlotFigures {
    static constexpr int64_t unknown = -1, unlimited = -2;
    using Figure = std::atomic<int64_t>;

    Figure seen_at_ms{unknown}; // when, in Unix time
    Figure wal_end{unknown};    // the server's
    Figure restart_lsn{unknown}, confirmed_lsn{unknown};
    Figure retained_bytes{unknown}, behind_bytes{unknown};
    Figure safe_bytes{unknown}, limit_bytes{unknown}; // unlimited: without max_slot_wal_keep_size
    Figure catalog_xmin_age{unknown};
    Figure active{unknown}, failover_ready{unknown}; // 0 or 1
    Figure inactive_since_s{unknown};
    Figure oldest_transaction_s{unknown}; // age of the oldest that has a transaction id, in any database
    std::atomic<int> state{-1};           // of slot_states
};

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

// What runs: for people, without passwords. Set before anybody reads the status.
struct About {
    std::string slot, source, delivery, topics;
};

struct Status {
    using Clock = std::chrono::steady_clock;
    using Counter = std::atomic<uint64_t>; // since the process began

    const std::chrono::system_clock::time_point started_at = std::chrono::system_clock::now();
    std::atomic<Clock::time_point> turned_at{Clock::now()}; // the loop, last
    std::atomic<RelayState> state{RelayState::connecting};

    About about;
    const std::shared_ptr<Tallies> tallies = std::make_shared<Tallies>(); // also the sinks'

    Counter events_delivered{0};  // repetitions included
    Counter messages_rejected{0}; // no events at all
    Counter events_rejected{0};   // of topics that are none for events
    Counter events_set_aside{0};  // that Kafka refuses
    Counter sessions_lost{0};     // that were streaming
    Counter producers_lost{0};

    SharedText waiting_for; // the event that keeps the stream waiting; empty: none
    std::atomic<uint64_t> in_flight_bytes{0}, in_flight_transactions{0};
    std::atomic<uint64_t> confirmed_lsn{0}, wal_end_lsn{0}; // 0: not known yet
    std::atomic<int64_t> missing_since_ms{0};               // Unix time since when Kafka lacks an event that is committed; 0: it lacks none
    std::atomic<int64_t> delivered_at_ms{0}, confirmed_at_ms{0}; // Unix time of the last one; 0: none since the process began
    SlotFigures slot;

    double lag_s(std::chrono::system_clock::time_point now) const {
        int64_t since = missing_since_ms, now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
        return since == 0 || now_ms < since ? 0 : static_cast<double>(now_ms - since) / 1000;
    }
};

constexpr auto stuck_after = std::chrono::seconds(60);

// Does the loop still turn? It never sleeps longer than some seconds.
inline bool is_live(const Status &status, Status::Clock::time_point now) { return now - status.turned_at.load() <= stuck_after; }

} // namespace outbox
