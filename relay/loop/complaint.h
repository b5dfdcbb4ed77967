// A notice that the server repeats while it streams, such as that it waits for a standby which is not there. The log says the notice once,
// and the relay has a state for as long as the server repeats the notice. Pure: the clock is the caller's. Tested by
// test/unit/complaint_test.cpp.
#pragma once

#include "base/log.h"

#include <chrono>

namespace outbox {

class Complaint {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Notes a notice. True where the text is new, but for its numbers, or was last heard long ago.
    bool note(const std::string &text, Time now) {
        bool is_new = text_.changed(text) || now >= heard_at_ + over_after;
        is_repeated_ = !is_new;
        heard_at_ = now;
        return is_new;
    }

    // True while the server repeats the notice.
    bool stands(Time now) const { return is_repeated_ && now < heard_at_ + over_after; }
    Time over_at() const { return heard_at_ + over_after; }

private:
    static constexpr std::chrono::seconds over_after{30}; // a walsender that waits for a standby repeats its notice every 10 s

    Condition text_;
    Time heard_at_{};
    bool is_repeated_ = false;
};

} // namespace outbox
