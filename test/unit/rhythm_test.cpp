#include "relay/core/rhythm.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using std::chrono::microseconds;

class RhythmTest : public testing::Test {
protected:
    void look(size_t transactions, size_t bytes = 0) { rhythm_.note(transactions, bytes, now_ += microseconds(200)); }
    Rhythm rhythm_;
    Rhythm::Time now_{std::chrono::seconds(1)};
};

TEST_F(RhythmTest, is_quiet_with_single_events_and_with_a_handful_at_once) {
    for (int i = 0; i < 1000; i++) {
        look(i % 10 == 0);
        EXPECT_FALSE(rhythm_.is_busy());
    }
    now_ += std::chrono::seconds(1);
    look(16);
    EXPECT_FALSE(rhythm_.is_busy());
}

TEST_F(RhythmTest, is_busy_at_once_when_much_comes) {
    look(40);
    EXPECT_TRUE(rhythm_.is_busy());
}

TEST_F(RhythmTest, is_busy_with_a_steady_stream_of_transactions_or_bytes) {
    for (int i = 0; i < 60; i++)
        look(2);
    EXPECT_TRUE(rhythm_.is_busy());
    Rhythm other;
    for (int i = 0; i < 60; i++)
        other.note(1, 8000, now_ += microseconds(200));
    EXPECT_TRUE(other.is_busy());
}

TEST_F(RhythmTest, bears_a_pause_and_is_quiet_when_nothing_more_comes) {
    for (int i = 0; i < 60; i++)
        look(10);
    look(0);
    look(0);
    EXPECT_TRUE(rhythm_.is_busy());
    for (int i = 0; i < 55; i++)
        look(0);
    EXPECT_FALSE(rhythm_.is_busy());
}

} // namespace
} // namespace outbox
