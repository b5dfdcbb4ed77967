#include "relay/command/relay_answer.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(RelayAnswer, has_what_the_screen_shows) {
    StatusView view;
    ASSERT_TRUE(take_answer(view, R"({"state":"waiting for Kafka","delivery":"exactly once","lag_seconds":1.5,"events_delivered_total":12,
        "events_per_second":3.5,"commit_to_ack_p50_seconds":0.001,"commit_to_ack_p99_seconds":null,"events_set_aside_total":2,"waiting_for":"a topic"})"));
    EXPECT_EQ(view.relay_state, "waiting for Kafka");
    EXPECT_EQ(view.delivery, "exactly once");
    EXPECT_EQ(view.waiting_for, "a topic");
    EXPECT_EQ(view.lag_s, 1.5);
    EXPECT_EQ(view.events_delivered, 12);
    EXPECT_EQ(view.events_per_s, 3.5);
    EXPECT_EQ(view.commit_to_ack_p50_s, 0.001);
    EXPECT_FALSE(view.commit_to_ack_p99_s);
    EXPECT_FALSE(view.last_delivery_s_ago);
    ASSERT_EQ(view.notes.size(), 1u);
    EXPECT_EQ(view.notes[0], "2 events set aside since the relay's start (outbox-relay dead-letters)");
}

TEST(RelayAnswer, takes_no_other_type_and_nothing_of_a_terminals_own) {
    StatusView view;
    ASSERT_TRUE(take_answer(view, R"({"state":"a\u001b[31mb\n","lag_seconds":"1","events_delivered_total":[1]})"));
    EXPECT_EQ(view.relay_state.find('\033'), std::string::npos);
    EXPECT_EQ(view.relay_state.find('\n'), std::string::npos);
    EXPECT_FALSE(view.lag_s);
    EXPECT_FALSE(view.events_delivered);
}

TEST(RelayAnswer, is_none_where_it_is_no_object) {
    StatusView view;
    for (const std::string &text :
         {std::string(), std::string("[]"), std::string("ready"), std::string("{\"a\":"), std::string(100000, '[')})
        EXPECT_FALSE(take_answer(view, text));
}

} // namespace
} // namespace outbox
