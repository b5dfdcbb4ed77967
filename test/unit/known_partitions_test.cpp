#include "relay/core/known_partitions.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const KnownPartitions::Time now{std::chrono::hours(1000)};

TEST(KnownPartitions, nothing_follows_the_first_until_it_is_acknowledged) {
    KnownPartitions partitions;
    EXPECT_FALSE(partitions.awaits_first(3));
    partitions.sent(3, now);
    EXPECT_TRUE(partitions.awaits_first(3));
    EXPECT_FALSE(partitions.awaits_first(2));
    EXPECT_FALSE(partitions.awaits_first(4));
    partitions.acknowledged(3, now);
    EXPECT_FALSE(partitions.awaits_first(3));
    partitions.sent(3, now + 1s);
    EXPECT_FALSE(partitions.awaits_first(3));
}

TEST(KnownPartitions, after_a_failure_the_next_is_the_first) {
    KnownPartitions partitions;
    partitions.sent(0, now);
    partitions.failed(0);
    EXPECT_FALSE(partitions.awaits_first(0));
    partitions.sent(0, now);
    EXPECT_TRUE(partitions.awaits_first(0));
}

TEST(KnownPartitions, are_not_known_for_ever) {
    KnownPartitions partitions;
    partitions.acknowledged(0, now);
    partitions.sent(0, now + 59min);
    EXPECT_FALSE(partitions.awaits_first(0));
    partitions.sent(0, now + 61min);
    EXPECT_TRUE(partitions.awaits_first(0));
}

TEST(KnownPartitions, of_a_topic_that_is_made_anew_know_nobody) {
    KnownPartitions partitions;
    partitions.acknowledged(0, now);
    partitions.sent(1, now);
    partitions.forget();
    EXPECT_TRUE(partitions.awaits_first(1)) << "it is still on the way";
    partitions.sent(0, now);
    EXPECT_TRUE(partitions.awaits_first(0));
}

} // namespace
} // namespace outbox
