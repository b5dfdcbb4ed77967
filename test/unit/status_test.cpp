#include "relay/watch/metrics.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(Status, is_live_as_long_as_the_loop_turns) {
    Status status;
    auto now = Status::Clock::now();
    status.turned_at = now;
    EXPECT_TRUE(is_live(status, now));
    EXPECT_TRUE(is_live(status, now + std::chrono::seconds(60)));
    EXPECT_FALSE(is_live(status, now + std::chrono::seconds(61)));
}

TEST(Status, shows_the_state_among_all_states) {
    Status status;
    status.state = RelayState::waiting_for_kafka;
    std::string text = metrics_text(status);
    EXPECT_NE(text.find("outbox_relay_state{state=\"waiting for Kafka\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("outbox_relay_state{state=\"streaming\"} 0\n"), std::string::npos);
    EXPECT_NE(text.find("outbox_relay_state{state=\"draining\"} 0\n"), std::string::npos);
}

TEST(Status, keeps_the_digits_of_a_position) {
    Status status;
    status.confirmed_lsn = (uint64_t{1} << 53) - 1; // eight pebibytes of WAL
    EXPECT_NE(metrics_text(status).find("outbox_relay_confirmed_lsn_bytes 9007199254740991\n"), std::string::npos);
}

TEST(Status, the_lag_counts_from_the_oldest_event_that_is_missing) {
    Status status;
    auto now = std::chrono::system_clock::now();
    EXPECT_EQ(status.lag_s(now), 0);
    status.missing_since_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() - 1500;
    EXPECT_NEAR(status.lag_s(now), 1.5, 0.002);
    EXPECT_EQ(status.lag_s(now - std::chrono::seconds(5)), 0) << "a clock that went back";
}

} // namespace
} // namespace outbox
