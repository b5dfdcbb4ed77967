#include "relay/core/oldest_commit.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(OldestCommit, is_known_to_ten_milliseconds) {
    OldestCommit oldest;
    EXPECT_EQ(oldest.commit_time_ms(0, 0), 0);
    for (uint64_t i = 0; i < 1000; i++)
        oldest.begun(i, 1000000 + static_cast<int64_t>(i) * 3);
    for (uint64_t i = 0; i < 1000; i++) {
        int64_t exact = 1000000 + static_cast<int64_t>(i) * 3, told = oldest.commit_time_ms(i, 1000);
        EXPECT_LE(told, exact);
        EXPECT_GT(told, exact - 10);
    }
    EXPECT_EQ(oldest.commit_time_ms(1000, 1000), 0) << "nothing is in flight";
    oldest.begun(1000, 1000000);
    EXPECT_EQ(oldest.commit_time_ms(1000, 1001), 1000000) << "a clock that went back does no harm";
}

TEST(OldestCommit, of_a_stream_that_is_never_idle_moves_on) {
    OldestCommit oldest;
    for (uint64_t i = 0; i < 100; i++) {
        int64_t now = static_cast<int64_t>(i) * 600;
        oldest.begun(i, now);
        oldest.begun(i + 1, now + 500);
        EXPECT_GE(oldest.commit_time_ms(i, i + 2), now - 1000);
    }
}

} // namespace
} // namespace outbox
