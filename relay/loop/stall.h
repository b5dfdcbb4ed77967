// Since when events or a position wait for Kafka. Pure: the clock is the caller's. Tested by test/unit/stall_test.cpp.
//
// Events wait until they are delivered. With exactly-once delivery a position without events waits, too: the slot can be confirmed only up
// to the position that Kafka has, even on an idle database, and a server that shuts down waits for that confirmation.
#pragma once

#include "core/wire.h"

#include <algorithm>
#include <chrono>

namespace outbox {

class Stall {
public:
    using Time = std::chrono::steady_clock::time_point;

    // A session begins.
    void begin(Time now) {
        events_since_ = position_since_ = now;
        confirmable_ = {};
    }

    // Notes a turn of the loop. `delivered`: the LSN up to which everything is delivered; `confirmable`: the LSN up to which Kafka's
    // position lets the slot be confirmed.
    void note(bool has_delivered, bool events_wait, Lsn delivered, Lsn confirmable, Time now) {
        if (has_delivered || !events_wait)
            events_since_ = now;
        waits_for_events_ = events_wait;
        if (confirmable > confirmable_ || confirmable >= delivered)
            position_since_ = now;
        waits_for_position_ = confirmable < delivered;
        confirmable_ = std::max(confirmable_, confirmable);
    }

    // When the wait has become a stall, for which a shutdown of the server may have to wait; Time::max(): nothing waits.
    Time stalls_at() const {
        Time events = waits_for_events_ ? events_at() : Time::max();
        return waits_for_position_ ? std::min(events, position_since_ + position_takes) : events;
    }
    bool stalls(Time now) const { return now >= stalls_at(); }

    // True where events have waited for so long that an operator should know.
    bool events_stall(Time now) const { return now >= events_at(); }

private:
    static constexpr std::chrono::milliseconds events_take{1000};
    static constexpr std::chrono::milliseconds position_takes{3000}; // a position is written once a second

    Time events_at() const { return events_since_ + events_take; }

    Time events_since_, position_since_;
    bool waits_for_events_ = false, waits_for_position_ = false;
    Lsn confirmable_{};
};

} // namespace outbox
