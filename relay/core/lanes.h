// How many partitions share what is in flight: those with few events count for less than those with many. Pure. Tested by
// test/unit/window_test.cpp.
#pragma once

#include <cstdint>

namespace outbox {

class Lanes {
public:
    struct Lane {
        uint32_t lap = 0, events = 0; // in that lap
    };

    void taken(Lane &lane) {
        if (lane.lap != lap_)
            lane = {lap_, 0};
        squares_ += 2 * static_cast<uint64_t>(lane.events++) + 1;
        if (++events_ < lap_events)
            return;
        count_ = static_cast<double>(events_ * events_) / static_cast<double>(squares_);
        events_ = squares_ = 0;
        lap_++;
    }
    double count() const { return count_; }

private:
    static constexpr uint64_t lap_events = 2048;

    uint32_t lap_ = 1;
    uint64_t events_ = 0, squares_ = 0; // in this lap
    double count_ = 1;                  // in the last one
};

} // namespace outbox
