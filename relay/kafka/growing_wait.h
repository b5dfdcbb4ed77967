// The wait for one answer of Kafka. librdkafka throws an answer away that comes later, so after a wait that was too short the next one is
// twice as long: a broker far away takes a hundred times as long as one in the next rack. Pure. Tested by test/t/047_far_kafka.t.
#pragma once

#include <algorithm>

namespace outbox {

class GrowingWait {
public:
    static constexpr int most_ms = 2000;

    constexpr explicit GrowingWait(int first_ms) : ms_(first_ms) {}

    int ms() const { return ms_; }
    void was_short() { ms_ = std::min(2 * ms_, most_ms); }

private:
    int ms_;
};

} // namespace outbox
