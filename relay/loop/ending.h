// The relay's end, and which signal counts. A relay is running, then draining until everything that the sink has taken is delivered, then
// leaving until the server has answered the end of the stream. Pure: the clock is the caller's. Tested by test/unit/ending_test.cpp.
//
// The first signal lets the relay deliver what is in flight, a second signal ends the process at once. Signals that arrive together, as
// from a supervisor that sends SIGTERM and SIGINT, count as one. A relay that already stops, for an event that Kafka refuses, goes on
// stopping at the first signal; its exit status tells of that event whatever signal comes.
#pragma once

#include "base/exit_code.h"
#include "core/clock.h"

#include <optional>

namespace outbox {

// The part of the stream that the relay still reads.
enum class Reads { all, rest_of_transaction, nothing };

class Ending {
public:
    using Time = Clock::time_point;
    enum class Answer { drain, wait, end_at_once };

    explicit Ending(std::chrono::milliseconds grace) : grace_(grace) {}

    bool is_running() const { return state_ == State::running; }
    bool is_draining() const { return state_ == State::draining; }
    bool is_leaving() const { return state_ == State::leaving; }
    bool has_left() const { return state_ == State::left; }
    Time until() const { return until_; } // draining or leaving ends at this time at the latest
    std::chrono::milliseconds grace() const { return grace_; }
    void set_grace(std::chrono::milliseconds grace) { grace_ = grace; } // holds for a drain that has not begun

    // Signals have arrived together; `number` is the first one's. On Answer::drain the caller calls drain().
    Answer signalled(int number) {
        if (was_signalled_)
            return Answer::end_at_once;
        was_signalled_ = true;
        if (!is_running())
            return Answer::wait;
        ended_by_ = number;
        return Answer::drain;
    }

    // An operator is needed: run() throws the failure when the relay has drained. The first failure counts.
    void fail(const Failure &failure) {
        if (!failure_)
            failure_ = failure;
    }

    void drain(Time now) {
        state_ = State::draining;
        until_ = now + grace_;
    }

    // After a failure nothing more is read, and the events that the sink has taken are still delivered.
    Reads reads() const {
        if (failure_)
            return Reads::nothing;
        return is_draining() ? Reads::rest_of_transaction : Reads::all;
    }
    bool has_drained(bool sink_is_empty, bool in_transaction) const {
        return is_draining() && sink_is_empty && (failure_ || !in_transaction);
    }

    // Everything that the sink has taken is delivered.
    void drained() { is_complete_ = true; }
    bool is_good() const { return is_complete_ && !failure_; }

    // The relay has ended the stream, and awaits the server's answer.
    void leave(Time now) {
        state_ = State::leaving;
        until_ = now + answer_takes;
    }
    void left() { state_ = State::left; }

    const std::optional<Failure> &failure() const { return failure_; }
    std::optional<int> ended_by() const { return ended_by_; } // the signal that ended a relay which would have gone on

    // The exit status of a process that ends at once.
    int status_at_once(int number) const { return failure_ ? static_cast<int>(failure_->code()) : 128 + number; }

private:
    enum class State { running, draining, leaving, left };
    static constexpr std::chrono::milliseconds answer_takes{1000}; // at most so long for the server's answer to the last confirmation

    std::chrono::milliseconds grace_;
    State state_ = State::running;
    Time until_ = Time::max();
    bool was_signalled_ = false, is_complete_ = false;
    std::optional<int> ended_by_;
    std::optional<Failure> failure_;
};

} // namespace outbox
