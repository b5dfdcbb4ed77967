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
    status.confirmed_lsn = UINT64_MAX;
    EXPECT_NE(metrics_text(status).find("outbox_relay_confirmed_lsn_bytes 18446744073709551615\n"), std::string::npos);
}

} // namespace
} // namespace outbox
