#include "relay/core/tallies.h"

#include <gtest/gtest.h>

#include <map>

namespace outbox {
namespace {

TEST(Tallies, have_two_hundred_topics_and_one_for_the_others) {
    TopicTallies topics;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 500; i++)
            topics.delivered(topics.number_of("t" + std::to_string(i)), 10);
    size_t count = 0;
    uint64_t events = 0, bytes = 0, others = 0;
    topics.for_each([&](std::string_view name, uint64_t its_events, uint64_t its_bytes) {
        count++;
        events += its_events;
        bytes += its_bytes;
        if (name == "other")
            others = its_events;
    });
    EXPECT_EQ(count, 201u);
    EXPECT_EQ(events, 1000u);
    EXPECT_EQ(bytes, 10000u);
    EXPECT_EQ(others, 600u);
}

TEST(Tallies, have_one_series_for_a_topic_that_is_called_other) {
    TopicTallies topics;
    for (const char *name : {"other", "orders", "other"})
        topics.delivered(topics.number_of(name), 1);
    std::map<std::string_view, uint64_t> events;
    topics.for_each(
        [&](std::string_view name, uint64_t its_events, uint64_t) { EXPECT_TRUE(events.emplace(name, its_events).second) << name; });
    EXPECT_EQ(events["other"], 2u);
}

TEST(Tallies, of_labels_have_a_bound) {
    LabelledCounts counts;
    for (int i = 0; i < 1000; i++)
        counts.add("topic " + std::to_string(i), "reason");
    EXPECT_EQ(counts.get().size(), LabelledCounts::labels_max + 1);
    EXPECT_EQ((counts.get()[{"other", "other"}]), 600u);
    counts.add("topic 1", "reason");
    EXPECT_EQ((counts.get()[{"topic 1", "reason"}]), 2u);
}

TEST(Tallies, of_durations_lie_in_buckets) {
    Durations durations;
    EXPECT_LT(Durations::quantile_s(durations.buckets(), 0.5), 0);
    durations.add(-5); // clocks differ
    durations.add(500);
    durations.add(501);
    durations.add(100000000);
    Durations::Buckets buckets = durations.buckets();
    EXPECT_EQ(buckets[0], 2u);
    EXPECT_EQ(buckets[1], 1u);
    EXPECT_EQ(buckets.back(), 1u);
    EXPECT_EQ(durations.sum_us(), 100001001u);
    EXPECT_DOUBLE_EQ(Durations::quantile_s(buckets, 0.5), 0.0005);
    EXPECT_DOUBLE_EQ(Durations::quantile_s(buckets, 0.7), 0.001);
    EXPECT_DOUBLE_EQ(Durations::quantile_s(buckets, 0.99), 60);
}

} // namespace
} // namespace outbox
