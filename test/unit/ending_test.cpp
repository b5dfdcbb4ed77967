#include "relay/loop/ending.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

constexpr int sigint = 2, sigterm = 15;
constexpr auto grace = 10s;
constexpr Ending::Time now{1000s};

TEST(Ending, the_first_signal_drains_and_the_second_ends_at_once) {
    Ending ending(grace);
    EXPECT_EQ(ending.signalled(sigterm), Ending::Answer::drain);
    EXPECT_EQ(ending.ended_by(), sigterm);
    ending.drain(now);
    EXPECT_EQ(ending.signalled(sigint), Ending::Answer::end_at_once);
    EXPECT_EQ(ending.status_at_once(sigint), 130);
}

TEST(Ending, a_signal_during_a_stop_for_a_refused_event_keeps_its_status) {
    Ending ending(grace);
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    ending.drain(now);
    EXPECT_EQ(ending.signalled(sigterm), Ending::Answer::wait);
    EXPECT_FALSE(ending.ended_by());
    EXPECT_EQ(ending.signalled(sigterm), Ending::Answer::end_at_once);
    EXPECT_EQ(ending.status_at_once(sigterm), 8);
}

TEST(Ending, a_refused_event_after_a_signal_is_told_of_too) {
    Ending ending(grace);
    ending.signalled(sigterm);
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    ending.fail(Failure(ExitCode::unexpected, "another"));
    EXPECT_EQ(ending.failure()->code(), ExitCode::poisoned_event);
    EXPECT_EQ(ending.status_at_once(sigterm), 8);
}

TEST(Ending, a_relay_that_ends_by_itself_was_not_ended_by_the_signal) {
    Ending ending(grace);
    ending.drain(now);
    EXPECT_EQ(ending.signalled(sigterm), Ending::Answer::wait);
    EXPECT_FALSE(ending.ended_by());
}

TEST(Ending, is_good_where_everything_is_delivered) {
    Ending ending(grace);
    EXPECT_FALSE(ending.is_good());
    ending.drained();
    EXPECT_TRUE(ending.is_good());
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    EXPECT_FALSE(ending.is_good());
}

TEST(Ending, drains_for_the_grace_and_leaves_for_a_second) {
    Ending ending(grace);
    EXPECT_TRUE(ending.is_running());
    EXPECT_EQ(ending.until(), Ending::Time::max());
    ending.drain(now);
    EXPECT_TRUE(ending.is_draining());
    EXPECT_EQ(ending.until(), now + grace);
    ending.leave(now);
    EXPECT_TRUE(ending.is_leaving());
    EXPECT_EQ(ending.until(), now + 1s);
    ending.left();
    EXPECT_TRUE(ending.has_left());
}

TEST(Ending, an_open_transaction_is_read_to_its_end_unless_there_is_a_failure) {
    Ending ending(grace);
    EXPECT_EQ(ending.reads(), Reads::all);
    EXPECT_FALSE(ending.has_drained(true, false)) << "it runs";
    ending.drain(now);
    EXPECT_EQ(ending.reads(), Reads::rest_of_transaction);
    EXPECT_FALSE(ending.has_drained(true, true));
    EXPECT_FALSE(ending.has_drained(false, false));
    EXPECT_TRUE(ending.has_drained(true, false));
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    EXPECT_EQ(ending.reads(), Reads::nothing);
    EXPECT_TRUE(ending.has_drained(true, true));
}

} // namespace
} // namespace outbox
