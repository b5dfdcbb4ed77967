#include "fake_upstream.h"
#include "relay/loop/report.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class ReportTest : public testing::Test {
protected:
    void update(RelayState state, Lsn confirmed = {}, Lsn wal_end = {}) {
        report_.update(state, sink_, session_, budget_, confirmed, wal_end, now_);
    }

    Status status_;
    std::vector<RelayState> states_;
    Report report_{status_, [this](RelayState state) { states_.push_back(state); }};
    Budget budget_{1000};
    FakeSink sink_;
    Session session_{1, budget_, [](const Rejected &) {}};
    Clock::time_point now_{1000s};
};

TEST_F(ReportTest, counts_go_to_the_status_with_the_next_turn) {
    report_.delivered(*Chunk::create(nullptr, "", 1, budget_));
    report_.rejected({Lsn{1}, "no event"}, now_);
    report_.rejected({Lsn{1}, "forbidden", "an id", "a topic"}, now_);
    EXPECT_EQ(status_.events_delivered, 0u);
    update(RelayState::streaming);
    EXPECT_EQ(status_.events_delivered, 1u);
    EXPECT_EQ(status_.messages_rejected, 1u);
    EXPECT_EQ(status_.events_rejected, 1u);
    EXPECT_EQ(status_.turned_at.load(), now_);
    EXPECT_EQ(states_, (std::vector{RelayState::streaming}));
}

TEST_F(ReportTest, what_an_earlier_session_confirmed_still_counts) {
    update(RelayState::streaming, Lsn{7}, Lsn{9});
    update(RelayState::connecting);
    EXPECT_EQ(status_.confirmed_lsn, 7u);
    EXPECT_EQ(status_.wal_end_lsn, 9u);
    EXPECT_EQ(status_.state.load(), RelayState::connecting);
}

TEST_F(ReportTest, a_warning_that_the_server_repeats_is_a_complaint) {
    report_.noticed("waiting for standby 1", true, now_);
    EXPECT_FALSE(report_.server_complains(now_));
    report_.noticed("a detail", false, now_);
    report_.noticed("waiting for standby 2", true, now_ + 10s);
    EXPECT_TRUE(report_.server_complains(now_ + 11s));
    EXPECT_FALSE(report_.server_complains(now_ + 60s));
}

} // namespace
} // namespace outbox
