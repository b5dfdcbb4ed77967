#include "relay/loop/attempts.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class AttemptsTest : public testing::Test {
protected:
    Clock::duration pause(bool slot_in_use = false) {
        attempts_.pause(slot_in_use, now_);
        return attempts_.at() - now_;
    }
    Clock::duration pause_for_sink(bool at_once = false) {
        attempts_.pause_for_sink(at_once, now_);
        return attempts_.at() - now_;
    }
    void stream_for(Clock::duration time) {
        attempts_.streaming(now_);
        now_ += time;
        attempts_.session_ended(true, now_);
    }

    Clock::time_point now_{1000s};
    Attempts attempts_{now_};
};

TEST_F(AttemptsTest, the_first_attempt_is_due_at_once) {
    EXPECT_TRUE(attempts_.is_due(now_));
    EXPECT_EQ(attempts_.without_stream(), RelayState::connecting);
}

TEST_F(AttemptsTest, pauses_grow_up_to_their_caps) {
    EXPECT_LE(pause(), 100ms);
    for (int i = 0; i < 10; i++)
        pause();
    EXPECT_GE(pause(), 2500ms);
    EXPECT_LE(pause(), 5000ms);
    for (int i = 0; i < 10; i++)
        pause(true);
    EXPECT_LE(pause(true), 1000ms) << "a relay that stands by takes over soon";
    EXPECT_EQ(attempts_.without_stream(), RelayState::standby);
    EXPECT_FALSE(attempts_.is_due(now_));
    EXPECT_TRUE(attempts_.is_due(attempts_.at()));
}

TEST_F(AttemptsTest, a_session_that_stood_for_a_while_starts_the_back_off_anew) {
    for (int i = 0; i < 10; i++)
        pause();
    stream_for(5s);
    EXPECT_GE(pause(), 2500ms) << "a session that ends soon is no success";
    stream_for(5001ms);
    EXPECT_LE(pause(), 100ms);
}

TEST_F(AttemptsTest, a_new_sink_starts_at_once_where_the_failure_says_so) {
    EXPECT_EQ(pause_for_sink(true), 0s);
    EXPECT_EQ(attempts_.without_stream(), RelayState::waiting_for_kafka);
    for (int i = 0; i < 10; i++)
        pause_for_sink();
    EXPECT_GE(pause_for_sink(), 5s);
    now_ += 61s;
    EXPECT_LE(pause_for_sink(), 100ms) << "the last failure is long ago";
}

TEST_F(AttemptsTest, a_loss_is_said_once_until_a_session_streams) {
    StreamLost lost("connection 17 refused");
    EXPECT_EQ(attempts_.news_of(lost, {}), "connection 17 refused; trying again");
    EXPECT_FALSE(attempts_.news_of(StreamLost("connection 18 refused"), {}));
    EXPECT_EQ(attempts_.news_of(StreamLost("in use", StreamLost::slot_in_use_code), {}), "standing by: in use");
    attempts_.streaming(now_);
    EXPECT_TRUE(attempts_.news_of(lost, {}));
}

TEST_F(AttemptsTest, an_error_that_does_not_pass_is_said_with_what_helps) {
    StreamLost lost("cannot decode", "XX000");
    EXPECT_TRUE(attempts_.news_of(lost, Lsn{0x100}));
    EXPECT_FALSE(attempts_.news_of(lost, Lsn{0x100}));
    auto third = attempts_.news_of(lost, Lsn{0x100});
    ASSERT_TRUE(third);
    EXPECT_NE(third->find("failed three times at the position 0/100"), std::string::npos) << *third;
    EXPECT_EQ(third->find("publication"), std::string::npos) << *third;
}

TEST_F(AttemptsTest, a_publication_that_is_younger_than_the_slot_is_named_as_the_cause) {
    StreamLost lost("publication \"outbox\" does not exist", "42704");
    attempts_.news_of(lost, Lsn{0x100});
    attempts_.news_of(lost, Lsn{0x100});
    auto third = attempts_.news_of(lost, Lsn{0x100});
    ASSERT_TRUE(third);
    EXPECT_NE(third->find("rows from before the publication was created"), std::string::npos) << *third;
}

TEST_F(AttemptsTest, kafka_has_recovered_when_events_are_delivered_after_a_while) {
    EXPECT_TRUE(attempts_.is_news(SinkFailure("gone")));
    EXPECT_FALSE(attempts_.is_news(SinkFailure("gone")));
    attempts_.streaming(now_);
    EXPECT_TRUE(attempts_.kafka_is_unproven(now_ + 4s));
    EXPECT_FALSE(attempts_.kafka_recovers(now_ + 5s)) << "a new producer may fail at the same place again";
    EXPECT_TRUE(attempts_.kafka_recovers(now_ + 5001ms));
    EXPECT_FALSE(attempts_.kafka_recovers(now_ + 6s)) << "said once";
    EXPECT_FALSE(attempts_.kafka_is_unproven(now_ + 1s));
    EXPECT_TRUE(attempts_.is_news(SinkFailure("gone")));
}

} // namespace
} // namespace outbox
