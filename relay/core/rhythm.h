// Tells a busy stream from one that brings single events. Pure: the clock is the caller's. Tested by test/unit/rhythm_test.cpp.
//
// A reader that polls the moment the socket is empty makes every CopyData a wake-up of the relay and a system call of the walsender, and a
// producer that is flushed then sends batches of few records. While the stream is busy the loop lets the socket fill for a moment, and
// linger.ms the batches. Otherwise the loop does neither, so that a lone event is not delayed, nor a handful that were committed together.
#pragma once

#include <chrono>
#include <cstddef>

namespace outbox {

class Rhythm {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Notes what the last look at the stream brought, even where it brought nothing.
    void note(size_t transactions, size_t bytes, Time now) {
        transactions_ += transactions;
        bytes_ += bytes;
        bool much = transactions_ >= busy_transactions || bytes_ >= busy_bytes;
        if (much)
            is_busy_ = true; // at once; a stream becomes quiet only after a whole window
        if (now < window_end_)
            return;
        is_busy_ = much;
        transactions_ = bytes_ = 0;
        window_end_ = now + window;
    }
    bool is_busy() const { return is_busy_; }

    static constexpr std::chrono::microseconds breath{200}; // for so long the socket fills

private:
    // a walsender that shares its processor with the relay pauses for longer than a breath
    static constexpr std::chrono::milliseconds window{5};
    static constexpr size_t busy_transactions = 32, busy_bytes = 64 * 1024; // in a window: 6,400 a second, 13 MB a second

    bool is_busy_ = false;
    size_t transactions_ = 0, bytes_ = 0; // in this window
    Time window_end_{};
};

} // namespace outbox
