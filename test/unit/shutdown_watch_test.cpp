#include "fake_upstream.h"
#include "relay/loop/shutdown_watch.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using Answer = ShutdownInquiry::Answer;

class ShutdownWatchTest : public testing::Test {
protected:
    void SetUp() override { watch_.begin(now_); }
    // Makes turns of the relay while events wait for Kafka.
    void wait_for(Clock::duration time, bool events_wait = true) {
        for (auto end = now_ + time; now_ < end; now_ += 100ms)
            watch_.look(events_wait, Lsn{1}, Lsn{1}, true, now_);
    }

    FakeShutdownInquiry inquiry_;
    ShutdownWatch watch_{inquiry_, 10s};
    Clock::time_point now_{1000s};
};

TEST_F(ShutdownWatchTest, asks_nothing_while_nothing_waits) {
    wait_for(60s, false);
    EXPECT_EQ(inquiry_.started_, 0);
    EXPECT_EQ(watch_.due_at(true), Clock::time_point::max());
}

TEST_F(ShutdownWatchTest, asks_every_few_seconds_while_events_wait) {
    inquiry_.answer_ = Answer::running;
    wait_for(900ms);
    EXPECT_EQ(inquiry_.started_, 0);
    wait_for(10s);
    EXPECT_EQ(inquiry_.started_, 2);
    EXPECT_TRUE(watch_.events_stall(now_));
    watch_.delivered();
    wait_for(100ms);
    EXPECT_FALSE(watch_.events_stall(now_));
}

TEST_F(ShutdownWatchTest, asks_while_a_position_waits_that_kafka_has_not) {
    for (auto end = now_ + 4s; now_ < end; now_ += 100ms)
        watch_.look(false, Lsn{2}, Lsn{1}, true, now_);
    EXPECT_EQ(inquiry_.started_, 1);
}

TEST_F(ShutdownWatchTest, gives_way_to_a_shutdown_after_the_grace) {
    inquiry_.answer_ = Answer::shutting_down;
    wait_for(2s);
    EXPECT_TRUE(watch_.server_is_stopping());
    auto due = watch_.due_at(true);
    EXPECT_NO_THROW(watch_.look(true, Lsn{1}, Lsn{1}, false, due - 1ms));
    EXPECT_THROW(watch_.look(true, Lsn{1}, Lsn{1}, false, due), StreamLost);
    EXPECT_EQ(inquiry_.started_, 1) << "it is known";
    watch_.end();
    EXPECT_FALSE(watch_.server_is_stopping());
}

TEST_F(ShutdownWatchTest, the_end_of_a_session_ends_the_inquiry) {
    wait_for(2s);
    EXPECT_TRUE(inquiry_.is_running());
    watch_.end();
    EXPECT_FALSE(inquiry_.is_running());
}

} // namespace
} // namespace outbox
