#include "outbox_ext/event_clock.h"

#include <gtest/gtest.h>

namespace {

constexpr int64_t start = 1764322920123456789; // 2025-11-28

// Compares as ids do: the milliseconds, then the fraction.
uint64_t in_id(int64_t time_ns) { return event_time_ms(time_ns) << 12 | event_time_fraction(time_ns); }

TEST(EventClockTest, follows_the_clock) {
    EventClock clock;
    for (int64_t now : {start, start + 1000, start + 1'000'000'000, start + 86'400'000'000'000})
        EXPECT_EQ(clock.next(now), now);
}

TEST(EventClockTest, ids_increase_while_the_clock_stands_still) {
    EventClock clock;
    uint64_t before = in_id(clock.next(start));
    for (int i = 0; i < 100'000; i++) {
        uint64_t id = in_id(clock.next(start));
        ASSERT_GT(id, before) << "step " << i;
        before = id;
    }
}

TEST(EventClockTest, ids_increase_with_every_step_of_a_clock_that_goes_on) {
    for (int64_t step : {1, 2, 100, 243, 244, 245, 246, 1000, 999'999}) {
        EventClock clock;
        uint64_t before = in_id(clock.next(start));
        for (int64_t now = start; now < start + 10'000 * step; now += step) {
            uint64_t id = in_id(clock.next(now));
            ASSERT_GT(id, before) << "step of " << step << " ns";
            before = id;
        }
    }
}

TEST(EventClockTest, ids_increase_when_the_clock_is_set_back) {
    EventClock clock;
    uint64_t before = in_id(clock.next(start));
    for (int64_t back : {int64_t{1}, int64_t{1'000'000}, int64_t{3'600'000'000'000}, start}) {
        uint64_t id = in_id(clock.next(start - back));
        EXPECT_GT(id, before) << "back by " << back << " ns";
        before = id;
    }
}

TEST(EventClockTest, is_with_the_clock_again_when_the_clock_has_caught_up) {
    EventClock clock;
    clock.next(start);
    int64_t ahead = 0;
    for (int i = 0; i < 1000; i++)
        ahead = clock.next(start - 1'000'000'000);
    EXPECT_EQ(ahead, start + 1000 * event_clock_step_ns);
    EXPECT_EQ(clock.next(ahead + event_clock_step_ns), ahead + event_clock_step_ns);
}

TEST(EventClockTest, a_millisecond_has_4096_fractions) {
    EXPECT_EQ(event_time_fraction(0), 0u);
    EXPECT_EQ(event_time_fraction(999'999), 4095u);
    EXPECT_EQ(event_time_fraction(1'000'000), 0u);
    EXPECT_EQ(event_time_ms(1'999'999), 1u);
}

} // namespace
