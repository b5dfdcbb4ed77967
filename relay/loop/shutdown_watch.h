// Notices that the server shuts down, and says how long the relay stays. The clock is the caller's. Tested by
// test/unit/shutdown_watch_test.cpp.
//
// A fast shutdown ends only when the relay has confirmed everything. While Kafka is away that never happens, and the server says nothing of
// its shutdown in the stream. So the relay asks the server whenever something waits for Kafka for too long. After a grace the relay gives
// way, and starts again from the slot when the server is back.
#pragma once

#include "base/log_fields.h"
#include "core/inquiry.h"
#include "core/upstream.h"
#include "loop/stall.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace outbox {

class ShutdownWatch {
public:
    using Time = Clock::time_point;

    // The inquiry outlives the watch.
    ShutdownWatch(ShutdownInquiry &inquiry, std::chrono::milliseconds grace) : inquiry_(inquiry), grace_(grace) {}

    void set_grace(std::chrono::milliseconds grace) { grace_ = grace; }
    void begin(Time now) { stall_.begin(now); } // a session streams
    void end() {                                // the session has ended
        inquiry_.cancel();
        stops_at_ = Time::max();
    }

    // The caller polls the inquiry's descriptor while the inquiry is running.
    const ShutdownInquiry &inquiry() const { return inquiry_; }
    void cancel() { inquiry_.cancel(); }

    // The sink has delivered an event.
    void delivered() { has_delivered_ = true; }
    bool has_delivered() const { return has_delivered_; } // since the last look

    // Called once a turn, while the relay runs and streams; the positions are those of Stall::note(). Throws StreamLost where the grace is
    // over.
    void look(bool events_wait, Lsn delivered, Lsn confirmable, bool inquiry_is_ready, Time now) {
        stall_.note(std::exchange(has_delivered_, false), events_wait, delivered, confirmable, now);
        if (inquiry_is_ready && inquiry_.is_running() && inquiry_.advance() == ShutdownInquiry::Answer::shutting_down) {
            say(spdlog::level::warn, {.event = LogEvent::server_stops}, "PostgreSQL is shutting down; waiting up to {} ms for Kafka",
                grace_.count());
            stops_at_ = now;
        }
        if (server_is_stopping()) {
            if (now >= stops_at_ + grace_)
                throw StreamLost(
                    "PostgreSQL is shutting down and Kafka accepts nothing: the relay ends; nothing is confirmed that is not delivered");
        } else if (stall_.stalls(now) && now >= ask_at_) {
            inquiry_.start();
            ask_at_ = now + interval;
        }
    }

    bool server_is_stopping() const { return stops_at_ != Time::max(); }

    // When the next look is due at the latest. `running`: the relay does not end itself.
    Time due_at(bool running) const {
        if (server_is_stopping())
            return stops_at_ + grace_;
        return running ? std::max(ask_at_, stall_.stalls_at()) : Time::max();
    }

    // True where events have waited for so long that an operator should know.
    bool events_stall(Time now) const { return stall_.events_stall(now); }

private:
    static constexpr std::chrono::milliseconds interval{5000}; // each inquiry takes a login, for as long as Kafka is away

    ShutdownInquiry &inquiry_;
    std::chrono::milliseconds grace_;
    Stall stall_;
    bool has_delivered_ = false;
    Time ask_at_{};
    Time stops_at_ = Time::max(); // when the watch noticed the shutdown
};

} // namespace outbox
