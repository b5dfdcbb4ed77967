#include "relay/loop/poll.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class PollTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_), 0);
        poll_.begin();
    }
    void TearDown() override {
        close(pair_[0]);
        close(pair_[1]);
    }
    void wait(Clock::time_point until) { poll_.wait(until, Clock::now()); }

    Poll poll_;
    int pair_[2];
};

TEST_F(PollTest, says_which_descriptor_is_ready) {
    ASSERT_EQ(write(pair_[1], "x", 1), 1);
    poll_.want(Poll::stream, {pair_[0], POLLIN, 0});
    wait(Clock::time_point::max());
    EXPECT_TRUE(poll_.is_ready(Poll::stream));
    EXPECT_FALSE(poll_.is_ready(Poll::sink));
    poll_.begin();
    EXPECT_FALSE(poll_.is_ready(Poll::stream)) << "it is not wanted any more";
}

TEST_F(PollTest, returns_at_its_time) {
    poll_.want(Poll::stream, {pair_[0], POLLIN, 0});
    auto start = Clock::now();
    wait(start + 20ms);
    EXPECT_GE(Clock::now() - start, 20ms);
    wait(Clock::time_point::min());
    EXPECT_FALSE(poll_.is_ready(Poll::stream));
}

TEST_F(PollTest, hears_of_a_closed_connection_that_is_not_read) {
    poll_.want(Poll::stream, without_reading({pair_[0], POLLIN, 0}));
    EXPECT_TRUE(poll_.is_unread(Poll::stream));
    EXPECT_FALSE(poll_.is_unread(Poll::sink)) << "what is not wanted is not unread";
    ASSERT_EQ(write(pair_[1], "x", 1), 1);
    wait(Clock::time_point::min());
    EXPECT_FALSE(poll_.is_ready(Poll::stream));
    ASSERT_EQ(shutdown(pair_[1], SHUT_WR), 0);
    wait(Clock::time_point::max());
    EXPECT_TRUE(poll_.has_hung_up(Poll::stream));
}

} // namespace
} // namespace outbox
