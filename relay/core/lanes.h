// The number of partitions that share the records in flight, where a partition with few events counts for less than a partition with many.
// Pure. Tested by test/unit/window_test.cpp.
#pragma once

#include <cstdint>

namespace outbox {

class Lanes {
public:
    struct Lane {
        uint32_t lap = 0, events = 0; // of this partition, in lap `lap`
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
    uint64_t events_ = 0, squares_ = 0; // of all partitions, in this lap
    double count_ = 1;                  // of the last lap
};

} // namespace outbox
