#include "relay/loop/ending.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

constexpr int sigint = 2, sigterm = 15;

TEST(Ending, the_first_signal_drains_and_the_second_ends_at_once) {
    Ending ending;
    EXPECT_EQ(ending.signalled(sigterm, true), Ending::Answer::drain);
    EXPECT_EQ(ending.ended_by(), sigterm);
    EXPECT_EQ(ending.signalled(sigint, false), Ending::Answer::end_at_once);
    EXPECT_EQ(ending.status_at_once(sigint), 130);
}

TEST(Ending, a_signal_during_a_stop_for_a_refused_event_keeps_its_status) {
    Ending ending;
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    EXPECT_EQ(ending.signalled(sigterm, false), Ending::Answer::wait);
    EXPECT_FALSE(ending.ended_by());
    EXPECT_EQ(ending.signalled(sigterm, false), Ending::Answer::end_at_once);
    EXPECT_EQ(ending.status_at_once(sigterm), 8);
}

TEST(Ending, a_refused_event_after_a_signal_is_told_of_too) {
    Ending ending;
    ending.signalled(sigterm, true);
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    ending.fail(Failure(ExitCode::unexpected, "another"));
    EXPECT_EQ(ending.failure()->code(), ExitCode::poisoned_event);
    EXPECT_EQ(ending.status_at_once(sigterm), 8);
}

TEST(Ending, a_relay_that_ends_by_itself_was_not_ended_by_the_signal) {
    Ending ending;
    EXPECT_EQ(ending.signalled(sigterm, false), Ending::Answer::wait);
    EXPECT_FALSE(ending.ended_by());
}

TEST(Ending, is_good_where_everything_is_delivered) {
    Ending ending;
    EXPECT_FALSE(ending.is_good());
    ending.drained();
    EXPECT_TRUE(ending.is_good());
    ending.fail(Failure(ExitCode::poisoned_event, "refused"));
    EXPECT_FALSE(ending.is_good());
}

} // namespace
} // namespace outbox
