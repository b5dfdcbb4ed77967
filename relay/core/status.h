// The relay's state and figures, as one plain record: the loop writes, once a turn, and other threads read at any moment. Each value is
// right by itself; two values need not fit together to the last event. A record of figures, hence the many members. Tested by
// test/unit/status_test.cpp and test/t/018_status.t.
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

// The names that operators read, in the log, the metrics and the page alike.
constexpr const char *name_of(RelayState state) {
    switch (state) {
    case RelayState::connecting: return "connecting";
    case RelayState::standby: return "standby"; // another relay has the slot
    case RelayState::streaming: return "streaming";
    case RelayState::waiting_for_kafka: return "waiting for Kafka";
    case RelayState::waiting_for_postgres: return "waiting for PostgreSQL"; // the log has the server's notice of what it waits for
    case RelayState::draining: return "draining";
    case RelayState::stopped: return "stopped"; // the slot is lost
    }
    return "";
}

// The slot's state: the server's words in pg_replication_slots.wal_status, from good to bad, and "missing" for a slot that is not there.
inline constexpr std::array slot_states = {"reserved", "extended", "unreserved", "lost", "missing"};

// The server's last answer about the slot. A figure is `unknown` before the first answer and where the server has no value; other meanings
// stand beside the figure.
struct SlotFigures {
    static constexpr int64_t unknown = -1, unlimited = -2;
    using Figure = std::atomic<int64_t>;

    Figure seen_at_ms{unknown}; // Unix time of the answer
    Figure wal_end{unknown};    // of the server
    Figure restart_lsn{unknown}, confirmed_lsn{unknown};
    Figure retained_bytes{unknown}, behind_bytes{unknown};
    Figure safe_bytes{unknown}, limit_bytes{unknown}; // limit_bytes is `unlimited` without max_slot_wal_keep_size
    Figure catalog_xmin_age{unknown};
    Figure active{unknown}, failover_ready{unknown}; // 0 or 1
    Figure inactive_since_s{unknown};
    Figure oldest_transaction_s{unknown}; // age of the oldest transaction with a transaction id, in any database
    std::atomic<int> state{-1};           // an index of slot_states
};

// One text that the loop writes and other threads read.
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

// Describes the run for people, without passwords. Set before any thread reads the status.
struct About {
    std::string slot, source, delivery, topics;
};

struct Status {
    using Clock = std::chrono::steady_clock;
    using Counter = std::atomic<uint64_t>; // since the process began

    const std::chrono::system_clock::time_point started_at = std::chrono::system_clock::now();
    std::atomic<Clock::time_point> turned_at{Clock::now()}; // when the loop turned last
    std::atomic<RelayState> state{RelayState::connecting};

    About about;
    const std::shared_ptr<Tallies> tallies = std::make_shared<Tallies>(); // shared with the sinks

    Counter events_delivered{0};  // repetitions included
    Counter messages_rejected{0}; // messages that were no events
    Counter events_rejected{0};   // events whose topic is not for events
    Counter events_set_aside{0};  // events that a dead letter or a note stands for
    Counter sessions_lost{0};     // sessions that were streaming
    Counter producers_lost{0};

    SharedText waiting_for; // the event that keeps the stream waiting; empty: none
    std::atomic<uint64_t> in_flight_bytes{0}, in_flight_transactions{0};
    std::atomic<uint64_t> window_events{0};                      // up to 1.5 kB each, in flight at most; 0: not bounded
    std::atomic<uint64_t> confirmed_lsn{0}, wal_end_lsn{0};      // 0: not known yet
    std::atomic<int64_t> missing_since_ms{0};                    // Unix time since when Kafka lacks a committed event; 0: Kafka lacks none
    std::atomic<int64_t> delivered_at_ms{0}, confirmed_at_ms{0}; // Unix time of the last one; 0: none since the process began
    SlotFigures slot;

    double lag_s(std::chrono::system_clock::time_point now) const {
        int64_t since = missing_since_ms, now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
        return since == 0 || now_ms < since ? 0 : static_cast<double>(now_ms - since) / 1000;
    }
};

constexpr auto stuck_after = std::chrono::seconds(60);

// Whether the loop still turns. A turn of the loop takes some seconds at most.
inline bool is_live(const Status &status, Status::Clock::time_point now) { return now - status.turned_at.load() <= stuck_after; }

} // namespace outbox
