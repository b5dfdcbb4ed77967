// The pause before another attempt: doubles from a tenth of a second up to a cap, with jitter, so that many relays do not try at the same
// moment.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace outbox {

class Backoff {
public:
    explicit Backoff(std::chrono::milliseconds cap) : cap_(cap) {}

    std::chrono::milliseconds next() { // between half of the step and the whole step
        auto step = step_;
        step_ = std::min(step_ * 2, cap_);
        std::uniform_int_distribution<long> jitter(step.count() / 2, step.count());
        return std::chrono::milliseconds(jitter(random_));
    }
    void reset() { step_ = first; }

private:
    static constexpr std::chrono::milliseconds first{100};
    std::chrono::milliseconds cap_;
    std::chrono::milliseconds step_ = first;
    std::minstd_rand random_{std::random_device()()};
};

} // namespace outbox
