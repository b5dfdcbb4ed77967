#include "relay/core/topic_filter.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(TopicFilter, wants_every_topic_where_none_is_named) { EXPECT_TRUE(TopicFilter("").wants("orders")); }

TEST(TopicFilter, wants_names_and_beginnings_of_names) {
    TopicFilter filter("orders, pay*,x");
    for (const char *topic : {"orders", "pay", "payments", "x"})
        EXPECT_TRUE(filter.wants(topic)) << topic;
    for (const char *topic : {"order", "orders2", "pa", "xy", "", "*"})
        EXPECT_FALSE(filter.wants(topic)) << topic;
}

} // namespace
} // namespace outbox
