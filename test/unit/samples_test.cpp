#include "relay/watch/samples.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(Samples, are_of_fifteen_minutes) {
    Status status;
    Samples samples;
    EXPECT_EQ(samples.a_minute_ago(), nullptr);
    Samples::Time now{};
    for (int i = 0; i < 500; i++) {
        status.events_delivered = static_cast<uint64_t>(i);
        samples.take(status, now);
        EXPECT_EQ(samples.due_at(), now + std::chrono::seconds(5));
        now += std::chrono::seconds(5);
    }
    EXPECT_EQ(samples.all().size(), 180u);
    EXPECT_EQ(samples.all().back().events, 499u);
    EXPECT_EQ(samples.a_minute_ago()->events, 488u);
}

TEST(Samples, of_two_moments_make_a_rate) {
    std::chrono::system_clock::time_point then{};
    Sample from{then, 0, 100, -1, {}}, to{then + std::chrono::seconds(10), 0, 600, -1, {}};
    EXPECT_DOUBLE_EQ(Samples::rate(from, to), 50);
    EXPECT_DOUBLE_EQ(Samples::rate(from, from), 0);
    EXPECT_DOUBLE_EQ(Samples::rate(to, from), 0) << "a clock that went back";
}

} // namespace
} // namespace outbox
