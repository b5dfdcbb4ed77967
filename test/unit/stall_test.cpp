#include "relay/loop/stall.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class StallTest : public testing::Test {
protected:
    StallTest() { stall_.begin(now_); }
    void turn(std::chrono::milliseconds later, bool has_delivered, bool events_wait, Lsn delivered, Lsn confirmable) {
        now_ += later;
        stall_.note(has_delivered, events_wait, delivered, confirmable, now_);
    }

    Stall stall_;
    Stall::Time now_{1000s};
};

TEST_F(StallTest, nothing_waits_on_an_idle_database) {
    turn(1h, false, false, Lsn{5}, Lsn{5});
    EXPECT_EQ(stall_.stalls_at(), Stall::Time::max());
    EXPECT_FALSE(stall_.events_stall(now_));
}

TEST_F(StallTest, events_wait_a_second) {
    turn(0ms, false, true, Lsn{5}, Lsn{5});
    turn(999ms, false, true, Lsn{5}, Lsn{5});
    EXPECT_FALSE(stall_.stalls(now_));
    turn(1ms, false, true, Lsn{5}, Lsn{5});
    EXPECT_TRUE(stall_.stalls(now_));
    EXPECT_TRUE(stall_.events_stall(now_));
    turn(0ms, true, true, Lsn{5}, Lsn{5});
    EXPECT_FALSE(stall_.stalls(now_)) << "one was delivered";
}

TEST_F(StallTest, a_position_without_events_waits_too) {
    turn(0ms, false, false, Lsn{9}, Lsn{5});
    turn(2999ms, false, false, Lsn{9}, Lsn{5});
    EXPECT_FALSE(stall_.stalls(now_));
    turn(1ms, false, false, Lsn{9}, Lsn{5});
    EXPECT_TRUE(stall_.stalls(now_)) << "nothing is in flight, and yet the server cannot be told";
    EXPECT_FALSE(stall_.events_stall(now_)) << "but no event waits";
    turn(0ms, false, false, Lsn{9}, Lsn{9});
    EXPECT_FALSE(stall_.stalls(now_));
}

TEST_F(StallTest, a_position_that_follows_a_moving_one_does_not_stall) {
    for (uint64_t lsn = 1; lsn < 100; lsn++) {
        turn(1s, false, false, Lsn{lsn + 1}, Lsn{lsn});
        EXPECT_FALSE(stall_.stalls(now_));
    }
    for (int second = 0; second < 3; second++)
        turn(1s, false, false, Lsn{static_cast<uint64_t>(200 + second)}, Lsn{99});
    EXPECT_TRUE(stall_.stalls(now_)) << "the server's position alone is no progress";
}

TEST_F(StallTest, a_session_begins_anew) {
    turn(1h, false, true, Lsn{9}, Lsn{5});
    stall_.begin(now_);
    turn(1ms, false, true, Lsn{9}, Lsn{5});
    EXPECT_FALSE(stall_.stalls(now_));
}

} // namespace
} // namespace outbox
