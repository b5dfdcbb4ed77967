#include "relay/config/topics_file.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

std::string refusal_of(const std::string &text) {
    try {
        parse_topics(text, "f");
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
    return "";
}

TEST(TopicsFile, has_a_topic_for_each_table) {
    auto topics = parse_topics("[orders]\npartitions = 12\n[customers]\n", "f");
    ASSERT_EQ(topics.size(), 2u);
    EXPECT_EQ(topics[0].name, "orders");
    EXPECT_EQ(topics[0].partitions, 12);
    EXPECT_EQ(topics[0].replicas, 0);
    EXPECT_EQ(topics[1].name, "customers");
    EXPECT_EQ(topics[1].partitions, 0);
}

TEST(TopicsFile, takes_what_stands_before_the_tables_for_all_of_them) {
    auto topics = parse_topics("partitions = 6\nreplication_factor = 3\nmin_insync_replicas = 2\n[a]\n[b]\npartitions = 1\n", "f");
    ASSERT_EQ(topics.size(), 2u);
    EXPECT_EQ(topics[0].partitions, 6);
    EXPECT_EQ(topics[0].replicas, 3);
    EXPECT_EQ(topics[0].min_insync, 2);
    EXPECT_EQ(topics[1].partitions, 1);
    EXPECT_EQ(topics[1].replicas, 3);
}

TEST(TopicsFile, takes_a_dot_in_a_tables_name_for_one_in_the_topics) {
    auto topics = parse_topics("[invoice.created]\n[invoice.paid]\n[\"a.b\"]\n", "f");
    ASSERT_EQ(topics.size(), 3u);
    EXPECT_EQ(topics[0].name, "invoice.created");
    EXPECT_EQ(topics[1].name, "invoice.paid");
    EXPECT_EQ(topics[2].name, "a.b");
    topics = parse_topics("[a]\npartitions = 2\n[a.b]\n", "f");
    ASSERT_EQ(topics.size(), 2u);
    EXPECT_EQ(topics[0].name, "a");
    EXPECT_EQ(topics[1].name, "a.b");
    EXPECT_EQ(topics[1].partitions, 0);
}

TEST(TopicsFile, refuses_what_is_no_topic_with_the_line) {
    EXPECT_EQ(refusal_of(""), "f: expected a table for each topic, such as [orders]");
    EXPECT_EQ(refusal_of("partitions = 3\n"), "f: expected a table for each topic, such as [orders]");
    EXPECT_EQ(refusal_of("[a]\npartition = 3\n"), "f:2: \"partition\" is no setting of a topic; the nearest that is: partitions");
    EXPECT_EQ(refusal_of("[a]\npartitions = 0\n"), "f:2: partitions: expected a number from 1 to 100000");
    EXPECT_EQ(refusal_of("[a]\npartitions = \"3\"\n"), "f:2: partitions: expected a number from 1 to 100000");
    EXPECT_TRUE(refusal_of("[\"__a\"]\n").starts_with("f:1: expected a topic's name"));
    EXPECT_TRUE(refusal_of("\n[\"a b\"]\n").starts_with("f:2: expected a topic's name"));
    EXPECT_EQ(refusal_of("[a]\nreplication_factor = 1\nmin_insync_replicas = 2\n"),
              "f:1: topic \"a\": min_insync_replicas is 2 and must not be larger than replication_factor, 1");
    EXPECT_EQ(refusal_of("[\"a.b\"]\n[a_b]\n"), R"(f:2: topics "a.b" and "a_b": for Kafka "." and "_" are the same)");
    EXPECT_TRUE(refusal_of("[a\n").starts_with("f:1: this is no TOML"));
}

} // namespace
} // namespace outbox
