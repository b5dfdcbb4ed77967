// The pause between an aborted Kafka transaction and the next one.
#include "relay/core/abort_pace.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using std::chrono::milliseconds;

class AbortPaceTest : public testing::Test {
protected:
    // How long the next Kafka transaction waits.
    Clock::duration fail(bool is_examining = false) {
        pace_.aborted(now_);
        pace_.failed("Broker: not enough in-sync replicas", is_examining);
        return pace_.next_at() - now_;
    }

    Clock::time_point now_ = Clock::time_point() + std::chrono::hours(1);
    AbortPace pace_;
};

TEST_F(AbortPaceTest, does_not_wait_where_nothing_has_failed) {
    pace_.aborted(now_);
    EXPECT_EQ(pace_.next_at(), now_);
}

TEST_F(AbortPaceTest, waits_longer_each_time_and_then_another_producer_has_to_try) {
    Clock::duration before{};
    for (int i = 0; i < AbortPace::in_a_row_max; i++) {
        Clock::duration pause = fail();
        EXPECT_GE(pause, std::min<Clock::duration>(before, milliseconds(2500))); // random, between half a step and a whole step
        EXPECT_LE(pause, milliseconds(5000));
        before = pause;
    }
    EXPECT_GE(before, milliseconds(2500));
    EXPECT_THROW(fail(), SinkFailure);
}

TEST_F(AbortPaceTest, counts_only_those_in_a_row) {
    for (int i = 0; i < 100; i++) {
        fail();
        pace_.progressed();
    }
    pace_.committed();
    EXPECT_LE(fail(), milliseconds(100)) << "and begins with short pauses again after a commit";
}

TEST_F(AbortPaceTest, does_not_wait_for_the_first_failure_of_an_examination) {
    EXPECT_EQ(fail(true), milliseconds(0));
    EXPECT_GT(fail(true), milliseconds(0));
}

} // namespace
} // namespace outbox
