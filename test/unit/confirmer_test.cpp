#include "relay/loop/confirmer.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

class ConfirmerTest : public testing::Test {
protected:
    // Advances the clock, and sends an update whenever one is due, as the relay does. Returns how many updates requested a reply.
    int run_for(milliseconds time, Lsn confirmable = {}) {
        int asked = 0;
        for (auto end = now_ + time; now_ < end && !confirmer_.server_is_silent(now_); now_ += 1ms) {
            if (is_unread_)
                confirmer_.cannot_hear(now_);
            if (!confirmer_.is_due(confirmable, now_))
                continue;
            updates_++;
            if (!confirmer_.update(confirmable, now_).requests_reply)
                continue;
            asked++;
            if (answers_)
                confirmer_.heard(now_);
        }
        return asked;
    }
    void begin(milliseconds sender_timeout = 60s) { confirmer_.begin(sender_timeout, now_); }
    milliseconds until_silent() {
        auto start = now_;
        run_for(2h);
        return std::chrono::duration_cast<milliseconds>(now_ - start);
    }

    Confirmer confirmer_{30s};
    Confirmer::Time now_{1000s};
    bool answers_ = false, is_unread_ = false;
    int updates_ = 0;
};

TEST_F(ConfirmerTest, a_server_that_says_nothing_is_silent_after_the_patience) {
    begin();
    EXPECT_EQ(until_silent(), 30s);
}

TEST_F(ConfirmerTest, a_shorter_timeout_of_the_server_is_the_patience_too) {
    begin(6s);
    EXPECT_EQ(until_silent(), 6s);
    begin(0s);
    EXPECT_EQ(confirmer_.patience(), 30s) << "without one, the relay's own";
}

TEST_F(ConfirmerTest, a_server_that_answers_is_asked_now_and_then_and_never_silent) {
    answers_ = true;
    begin();
    EXPECT_EQ(run_for(101s), 10);
    EXPECT_FALSE(confirmer_.server_is_silent(now_));
}

TEST_F(ConfirmerTest, a_busy_server_is_not_asked) {
    begin();
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(run_for(1s), 0);
        confirmer_.heard(now_);
    }
}

TEST_F(ConfirmerTest, a_relay_that_does_not_read_neither_asks_nor_judges) {
    is_unread_ = true;
    begin();
    EXPECT_EQ(run_for(1h + 1ms), 0);
    EXPECT_EQ(updates_, 360) << "the server still hears of it";
    is_unread_ = false;
    EXPECT_EQ(until_silent() + 1ms, 30s) << "the time begins when it reads again";
}

TEST_F(ConfirmerTest, a_question_that_was_out_when_reading_stopped_counts_for_nothing) {
    begin();
    EXPECT_EQ(run_for(15s), 1);
    is_unread_ = true;
    run_for(1h);
    EXPECT_FALSE(confirmer_.server_is_silent(now_));
}

TEST_F(ConfirmerTest, a_relay_that_was_frozen_asks_before_it_judges) {
    begin();
    now_ += 1h;
    EXPECT_FALSE(confirmer_.server_is_silent(now_));
    EXPECT_EQ(until_silent(), 20s);
}

TEST_F(ConfirmerTest, patience_doubles_with_each_silence_until_something_is_confirmed) {
    begin();
    for (auto expected : {30s, 60s, 120s}) {
        run_for(1s, Lsn{100}); // the position does not change
        EXPECT_EQ(until_silent() + 1s, expected);
        confirmer_.give_up();
        begin();
    }
    run_for(1s, Lsn{101});
    begin();
    EXPECT_EQ(confirmer_.patience(), 30s);
}

// In each session the server decodes a little further, answers meanwhile, and then decodes for 100 s without an answer.
TEST_F(ConfirmerTest, a_position_before_the_transaction_that_takes_long_does_not_end_the_doubling) {
    begin();
    until_silent();
    confirmer_.give_up();
    for (auto expected : {60s, 120s}) {
        begin();
        run_for(1s, Lsn{static_cast<uint64_t>(expected.count())});
        EXPECT_EQ(until_silent() + 1s, expected);
        confirmer_.give_up();
    }
}

TEST_F(ConfirmerTest, patience_has_a_bound) {
    for (int i = 0; i < 40; i++) {
        begin();
        confirmer_.give_up();
    }
    begin();
    EXPECT_LE(confirmer_.patience(), 2h);
}

TEST_F(ConfirmerTest, a_position_is_confirmed_soon_but_not_with_every_turn) {
    begin();
    EXPECT_FALSE(confirmer_.is_due(Lsn{}, now_ + 9s));
    EXPECT_FALSE(confirmer_.is_due(Lsn{5}, now_ + 9ms));
    EXPECT_TRUE(confirmer_.is_due(Lsn{5}, now_ + 10ms));
    EXPECT_EQ(confirmer_.update(Lsn{5}, now_ + 10ms).confirmed, Lsn{5});
    EXPECT_EQ(confirmer_.due_at(Lsn{5}), now_ + 10ms + 10s - 10ms) << "the next is to ask";
}

TEST_F(ConfirmerTest, what_was_confirmed_is_never_taken_back_within_a_session) {
    begin();
    confirmer_.update(Lsn{5}, now_);
    EXPECT_EQ(confirmer_.update(Lsn{3}, now_).confirmed, Lsn{5});
    begin();
    EXPECT_EQ(confirmer_.sent(), Lsn{});
}

TEST_F(ConfirmerTest, an_update_that_the_server_wants_is_due_at_once_and_only_once) {
    begin();
    confirmer_.reply_requested();
    EXPECT_TRUE(confirmer_.is_due(Lsn{}, now_));
    confirmer_.update(Lsn{}, now_);
    EXPECT_FALSE(confirmer_.is_due(Lsn{}, now_));
}

TEST_F(ConfirmerTest, updates_are_three_within_the_timeout_of_the_server) {
    answers_ = true;
    begin(3s);
    run_for(30s + 1ms);
    EXPECT_EQ(updates_, 30);
}

} // namespace
} // namespace outbox
