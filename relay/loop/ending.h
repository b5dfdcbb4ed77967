// How the relay ends, and which signal counts. Pure. Tested by test/unit/ending_test.cpp.
//
// The first signal lets the relay deliver what is in flight, a second one ends the process at once. Signals that arrive together, as from
// a supervisor that sends SIGTERM and SIGINT, are one. A relay that is already stopping, for an event that Kafka refuses, goes on stopping
// with the first one, and whatever comes, its exit status tells of that event.
#pragma once

#include "base/exit_code.h"

#include <optional>

namespace outbox {

class Ending {
public:
    enum class Answer { drain, wait, end_at_once };

    // Signals have arrived together; `number` is the first one's.
    Answer signalled(int number, bool is_running) {
        if (was_signalled_)
            return Answer::end_at_once;
        was_signalled_ = true;
        if (!is_running)
            return Answer::wait;
        ended_by_ = number;
        return Answer::drain;
    }

    // An operator is needed: what run() throws when the relay has drained. The first one counts.
    void fail(const Failure &failure) {
        if (!failure_)
            failure_ = failure;
    }

    // Everything that was accepted is delivered.
    void drained() { has_drained_ = true; }
    bool is_good() const { return has_drained_ && !failure_; }

    const std::optional<Failure> &failure() const { return failure_; }
    std::optional<int> ended_by() const { return ended_by_; } // the signal, where the relay would have gone on without

    // The exit status of a process that does not wait any more.
    int status_at_once(int number) const { return failure_ ? static_cast<int>(failure_->code()) : 128 + number; }

private:
    bool was_signalled_ = false, has_drained_ = false;
    std::optional<int> ended_by_;
    std::optional<Failure> failure_;
};

} // namespace outbox
