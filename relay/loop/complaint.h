// What the server says again and again while it streams, such as that it waits for a standby which is not there: said once, and a state
// for as long as it is repeated. Pure: the clock is the caller's. Tested by test/unit/complaint_test.cpp.
#pragma once

#include "base/log.h"

#include <chrono>

namespace outbox {

class Complaint {
public:
    using Time = std::chrono::steady_clock::time_point;

    // True where the text has not been said already, but for its numbers.
    bool note(const std::string &text, Time now) {
        bool is_new = text_.changed(text) || now >= heard_at_ + over_after;
        is_repeated_ = !is_new;
        heard_at_ = now;
        return is_new;
    }

    // Does the server repeat it?
    bool stands(Time now) const { return is_repeated_ && now < heard_at_ + over_after; }
    Time over_at() const { return heard_at_ + over_after; }

private:
    static constexpr std::chrono::seconds over_after{30}; // a walsender that waits for a standby repeats it every 10 s

    Condition text_;
    Time heard_at_{};
    bool is_repeated_ = false;
};

} // namespace outbox
