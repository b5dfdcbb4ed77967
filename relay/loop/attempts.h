// The time of the next attempt to connect, and which losses the log has said before. Pure: the clock is the caller's. Tested by
// test/unit/attempts_test.cpp.
//
// Three things fail, each with a back-off of its own: the connection to the server, the wait for a slot that another relay has, and the
// sink.
#pragma once

#include "base/log.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/sink.h"
#include "core/status.h"
#include "core/upstream.h"
#include "loop/same_error.h"

#include <optional>
#include <string>

namespace outbox {

class Attempts {
public:
    using Time = Clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    explicit Attempts(Time now) : at_(now) {}

    // When the next attempt is due.
    Time at() const { return at_; }
    bool is_due(Time now) const { return now >= at_; }

    // A session has begun to stream.
    void streaming(Time now) {
        since_ = now;
        postgres_.clear();
        slot_.reset();
    }

    // A session has ended, or the connection never came about. After a connection that stood for a while the back-off starts at its
    // shortest pause.
    void session_ended(bool was_streaming, Time now) {
        if (was_streaming && now - since_ > connect_cap)
            connect_.reset();
    }

    // The next attempt comes after a pause: pause() for the server or the slot, pause_for_sink() for a new sink.
    void pause(bool slot_in_use, Time now) {
        at_ = now + (slot_in_use ? slot_.next() : connect_.next());
        without_stream_ = slot_in_use ? RelayState::standby : RelayState::connecting;
    }
    void pause_for_sink(bool at_once, Time now) {
        if (now - sink_lost_at_ > sink_cap * 6)
            sink_.reset();
        sink_lost_at_ = now;
        at_ = at_once ? now : now + sink_.next();
        without_stream_ = RelayState::waiting_for_kafka;
    }

    // The state of a relay without a stream: why there is none.
    RelayState without_stream() const { return without_stream_; }

    // The log line about a lost session while the relay runs; nullopt: the log has said so already. `confirmed`: the slot's position when
    // the session began. From the third time in a row with the same error at the same position the line says what helps.
    std::optional<std::string> news_of(const StreamLost &lost, Lsn confirmed);

    // True where the log has not said this reason for the loss of a sink yet.
    bool is_news(const SinkFailure &failure) { return kafka_.changed(failure.what()); }

    // Events were delivered. True once after a loss, when the session is older than settled_after: a new sink may deliver for a moment and
    // fail at the same place again.
    bool kafka_recovers(Time now) { return now - since_ > settled_after && kafka_.clear(); }

    // True after the loss of a sink, while the session is younger than settled_after.
    bool kafka_is_unproven(Time now) const { return kafka_.stands() && now < since_ + settled_after; }

private:
    static constexpr milliseconds connect_cap{5000};
    static constexpr milliseconds slot_cap{1000}; // short: a relay that waits for another's end takes over soon
    static constexpr milliseconds sink_cap{10000};
    static constexpr milliseconds settled_after{5000};

    Time at_;
    Time since_{}, sink_lost_at_{};
    Backoff connect_{connect_cap}, slot_{slot_cap}, sink_{sink_cap};
    RelayState without_stream_ = RelayState::connecting;
    Conditions postgres_; // what the log has said, until a session streams
    Condition kafka_;     // what the log has said, until Kafka accepts events again
    SameError same_error_;
};

} // namespace outbox
