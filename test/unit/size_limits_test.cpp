// What refusals tell about the limits of topics.
#include "relay/core/size_limits.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace outbox {
namespace {

using std::chrono::seconds;

const SizeLimits::Time start{};

// Refuses a batch that was made with what is known now.
void refuse(SizeLimits &limits, const char *topic, size_t bytes, size_t records, SizeLimits::Time now) {
    limits.refused(topic, bytes, records, limits.batch_bytes(now), now);
}

TEST(SizeLimits, knows_nothing_at_first) {
    SizeLimits limits;
    EXPECT_FALSE(limits.is_beyond("orders", 1 << 30, start));
    EXPECT_EQ(limits.batch_bytes(start), 0u);
}

TEST(SizeLimits, keeps_the_smallest_refused_batch_of_each_topic) {
    SizeLimits limits;
    refuse(limits, "orders", 3000, 1, start);
    refuse(limits, "orders", 5000, 1, start);
    refuse(limits, "payments", 200, 1, start);
    EXPECT_TRUE(limits.is_beyond("orders", 3000, start));
    EXPECT_FALSE(limits.is_beyond("orders", 2999, start));
    EXPECT_TRUE(limits.is_beyond("payments", 200, start));
    EXPECT_FALSE(limits.is_beyond("invoices", 1 << 20, start));
    EXPECT_EQ(limits.batch_bytes(start), 0u) << "each was a record alone";
}

TEST(SizeLimits, forgets_a_limit_that_may_have_been_raised) {
    SizeLimits limits;
    refuse(limits, "orders", 3000, 1, start);
    refuse(limits, "orders", 5000, 1, start + seconds(9));
    EXPECT_TRUE(limits.is_beyond("orders", 3000, start + seconds(9)));
    EXPECT_FALSE(limits.is_beyond("orders", 5000, start + seconds(10))) << "the larger one says nothing of the smaller";
    refuse(limits, "orders", 5000, 1, start + seconds(11));
    EXPECT_FALSE(limits.is_beyond("orders", 4999, start + seconds(12)));
    EXPECT_TRUE(limits.is_beyond("orders", 5000, start + seconds(12)));
}

TEST(SizeLimits, makes_batches_smaller_until_they_are_let_in_and_tries_larger_ones_after_an_hour) {
    SizeLimits limits;
    refuse(limits, "orders", 80000, 800, start);
    EXPECT_EQ(limits.batch_bytes(start), 10000u);
    refuse(limits, "orders", 9000, 90, start);
    EXPECT_EQ(limits.batch_bytes(start), 1125u);
    refuse(limits, "payments", 5, 2, start);
    refuse(limits, "payments", 5, 2, start);
    EXPECT_EQ(limits.batch_bytes(start), 1u) << "a record each";
    EXPECT_EQ(limits.batch_bytes(start + SizeLimits::batches_small_for), 0u);
}

TEST(SizeLimits, takes_batches_that_were_on_their_way_together_for_one_refusal) {
    SizeLimits limits;
    limits.refused("orders", 80000, 163, 0, start);
    limits.refused("orders", 160000, 292, 0, start);
    EXPECT_EQ(limits.batch_bytes(start), 10000u) << "the larger one was made before the smaller one was refused";
    limits.refused("orders", 40000, 50, 0, start);
    EXPECT_EQ(limits.batch_bytes(start), 5000u) << "a smaller one says more";
    refuse(limits, "orders", 4000, 5, start);
    EXPECT_EQ(limits.batch_bytes(start), 500u);
}

// A broker with a limit, and a sink that makes batches as large as permitted, and sends the records of a refused batch again, one by one.
TEST(SizeLimits, find_all_that_are_too_large_in_a_few_refusals) {
    std::minstd_rand random(3);
    for (size_t limit : {100, 2000, 50000, 1000000}) {
        SCOPED_TRACE(limit);
        SizeLimits limits;
        std::vector<size_t> sizes;
        for (int i = 0; i < 100000; i++)
            sizes.push_back(i % 10 == 5 ? limit + 1 + random() % (10 * limit) : 1 + random() % (limit / 10));
        size_t refusals = 0, set_aside = 0;
        for (size_t next = 0; next < sizes.size();) {
            if (limits.is_beyond("orders", sizes[next], start)) {
                set_aside++;
                next++;
                continue;
            }
            size_t at_most = limits.batch_bytes(start) == 0 ? 1000000 : limits.batch_bytes(start), bytes = sizes[next], end = next + 1;
            for (; end < sizes.size() && !limits.is_beyond("orders", sizes[end], start) && bytes + sizes[end] <= at_most; end++)
                bytes += sizes[end];
            if (bytes > limit) {
                refuse(limits, "orders", bytes, end - next, start);
                refusals++;
            } else {
                for (; next < end; next++)
                    ASSERT_LE(sizes[next], limit);
            }
        }
        EXPECT_EQ(set_aside, 10000u);
        EXPECT_LE(refusals, 60u);
    }
}

} // namespace
} // namespace outbox
