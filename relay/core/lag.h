// Since when Kafka lacks an event that is committed. Pure: the caller passes Unix times by this machine's clock. Tested by
// test/unit/lag_test.cpp and test/t/120_lag.t.
//
// While events are in flight the oldest one names the time exactly. While none is in flight, or no stream runs, positions tell: a look at
// the server says where the WAL ended at that moment, and once everything up to that LSN is delivered, no event that was committed before
// the look is missing. Where neither is known the lag counts from the last moment at which no event was missing: such a lag may be too
// large, never too small.
#pragma once

#include "core/wire.h"

#include <algorithm>
#include <cstdint>
#include <deque>

namespace outbox {

class Lag {
public:
    using Ms = int64_t;

    explicit Lag(Ms now) : caught_up_at_(now) {}

    // The server's answer about its WAL and the slot.
    struct Look {
        Ms at;
        Lsn wal_end;
        Lsn confirmed;
        bool is_active = false; // a walsender reads the slot
        Ms inactive_since = 0;  // 0: not known
    };
    void look(const Look &look);

    // A turn of the loop while a session streams. `commit`: when the oldest transaction in flight committed, 0: none is in flight; `end`:
    // where that transaction ends; `delivered`: the LSN up to which everything is delivered.
    void turn(Ms now, Ms commit, Lsn end, Lsn delivered) {
        streams_ = true;
        in_flight_ = {commit, end};
        deliver(delivered);
        if (commit == 0 && looks_.empty() && held_.commit == 0) {
            caught_up_at_ = now;
            was_caught_up_ = true;
        }
    }
    // A turn of the loop without a stream: what the lost session had in flight is still missing.
    void turn_without_stream() {
        streams_ = false;
        if (in_flight_.commit != 0 && in_flight_.end > delivered_ && held_.commit == 0)
            held_ = in_flight_;
        in_flight_ = {};
    }

    // Unix time in milliseconds; 0: no event is missing.
    Ms since(Ms now) const {
        if (in_flight_.commit != 0)
            return in_flight_.commit;
        if (held_.commit != 0)
            return held_.commit;
        if (!looks_.empty())
            return is_fresh(now) ? 0 : looks_.front().at;
        return streams_ || now - looked_at_ <= look_counts ? 0 : caught_up_at_;
    }

private:
    struct Oldest {
        Ms commit = 0;
        Lsn end{};
    };
    struct End {
        Ms at;
        Lsn wal_end;
    };

    static constexpr Ms look_counts = 25000; // milliseconds: two and a half intervals between looks
    static constexpr size_t looks_max = 512;

    // True where only the newest look names WAL that is not delivered, somebody reads the slot, and no event was missing one look ago.
    bool is_fresh(Ms now) const {
        return was_caught_up_ && looks_.size() == 1 && (streams_ || is_active_) && now - caught_up_at_ <= look_counts;
    }

    void deliver(Lsn position);
    void start_again(const Look &look);
    void thin_out();

    Oldest in_flight_, held_; // held_: the oldest transaction that a lost session had in flight
    std::deque<End> looks_;   // those whose WAL is not all delivered yet, oldest first
    Lsn delivered_{}, confirmed_{}, wal_end_{};
    Ms caught_up_at_;
    Ms looked_at_ = 0;
    bool streams_ = false, is_active_ = false, was_caught_up_ = false;
};

inline void Lag::deliver(Lsn position) {
    delivered_ = std::max(delivered_, position);
    while (!looks_.empty() && looks_.front().wal_end <= delivered_) {
        caught_up_at_ = std::max(caught_up_at_, looks_.front().at);
        was_caught_up_ = true;
        looks_.pop_front();
    }
    if (held_.end <= delivered_)
        held_ = {};
}

// Called for another server, a slot that was created again, or a server that has lost its last WAL: positions of the old WAL say nothing of
// the new one.
inline void Lag::start_again(const Look &look) {
    looks_.clear();
    delivered_ = look.confirmed;
    if (held_.end > look.wal_end)
        held_ = {};
}

// Drops every second look, which is precise enough for a slot that has stood still for hours. The oldest look stays.
inline void Lag::thin_out() {
    std::deque<End> kept;
    for (size_t i = 0; i < looks_.size(); i += 2)
        kept.push_back(looks_[i]);
    looks_.swap(kept);
}

inline void Lag::look(const Look &look) {
    if (look.wal_end < wal_end_ || look.confirmed < confirmed_)
        start_again(look);
    wal_end_ = look.wal_end;
    confirmed_ = look.confirmed;
    looked_at_ = look.at;
    is_active_ = look.is_active;
    Ms at = look.at;
    if (!was_caught_up_ && looks_.empty() && look.inactive_since != 0) // nothing better is known of the time before this process
        at = std::min(at, look.inactive_since);
    if (looks_.size() == looks_max)
        thin_out();
    looks_.push_back({at, look.wal_end});
    deliver(look.confirmed);
}

} // namespace outbox
