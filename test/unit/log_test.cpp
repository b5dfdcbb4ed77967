#include "relay/base/log.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(Condition, is_said_when_it_changes) {
    Condition condition;
    EXPECT_FALSE(condition.stands());
    EXPECT_TRUE(condition.changed("the server is starting up"));
    EXPECT_FALSE(condition.changed("the server is starting up"));
    EXPECT_TRUE(condition.changed("the server is shutting down"));
    EXPECT_TRUE(condition.clear());
    EXPECT_FALSE(condition.clear());
    EXPECT_TRUE(condition.changed("the server is shutting down")) << "again after it was over";
}

// With a full disk the server's error names another temporary file at each attempt.
TEST(Condition, is_the_same_whatever_numbers_are_in_it) {
    for (auto [one, other] :
         {std::pair{"could not write to file \"pg_logical/snapshots/0-16B3748.snap.12528.tmp\": No space left on device",
                    "could not write to file \"pg_logical/snapshots/0-17AA000.snap.12544.tmp\": No space left on device"},
          std::pair{"replication slot \"outbox\" is active for PID 432", "replication slot \"outbox\" is active for PID 9"},
          std::pair{"Kafka cannot be reached at 127.0.0.1:9092: Connection refused",
                    "Kafka cannot be reached at 10.1.0.22:19092: Connection refused"},
          std::pair{"Receive failed: Connection reset by peer", "receive failed: connection reset by peer"},
          std::pair{"kafka-1:9092: the name cannot be resolved", "kafka-2:9092: the name cannot be resolved"}}) {
        Condition condition;
        EXPECT_TRUE(condition.changed(one));
        EXPECT_FALSE(condition.changed(other)) << other;
    }
}

TEST(Condition, is_another_for_another_topic_or_event) {
    for (auto [one, other] : {std::pair{"waiting for topic \"orders.1\": unknown", "waiting for topic \"orders.2\": unknown"},
                              std::pair{"Kafka refuses event 01a20c11-09d4-7b9d-95a5-000000000001 of topic \"a\"",
                                        "Kafka refuses event 01a20c11-09d4-7b9d-95a5-000000000002 of topic \"a\""},
                              std::pair{"waiting for topic \"Orders\": unknown", "waiting for topic \"orders\": unknown"},
                              std::pair{"Connection refused", "Connection reset by peer"}}) {
        Condition condition;
        EXPECT_TRUE(condition.changed(one));
        EXPECT_TRUE(condition.changed(other)) << other;
    }
}

TEST(WithoutNumbers, keeps_everything_else) {
    EXPECT_EQ(without_numbers(""), "");
    EXPECT_EQ(without_numbers("dead beef at 0/1"), "dead beef at #/#");
    EXPECT_EQ(without_numbers("topic \"a1"), "topic \"a1") << "a name that does not end";
    EXPECT_EQ(without_numbers("01a20c11-09d4"), "#-#") << "no id";
}

} // namespace
} // namespace outbox
