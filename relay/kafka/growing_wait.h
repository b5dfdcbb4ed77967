// The wait for one answer of Kafka. librdkafka throws an answer away that comes later, so after a wait that was too short the next one is
// twice as long: a broker far away takes a hundred times as long as one in the next rack. Pure. Tested by test/t/047_far_kafka.t.
#pragma once

#include <algorithm>

namespace outbox {

class GrowingWait {
public:
    constexpr GrowingWait(int first_ms, int most_ms) : ms_(first_ms), most_ms_(most_ms) {}

    int ms() const { return ms_; }
    int most_ms() const { return most_ms_; }
    void was_short() { ms_ = std::min(2 * ms_, most_ms_); }

private:
    int ms_;
    const int most_ms_;
};

} // namespace outbox
