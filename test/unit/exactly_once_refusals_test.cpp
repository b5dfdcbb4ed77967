// The exactly-once sink and records that Kafka refuses, against librdkafka's mock cluster: which event is to blame, what takes the place of
// an event, and where the stream stops.
#include "small_relay.h"

namespace outbox {
namespace {

using std::chrono::milliseconds;
using Error = rd_kafka_resp_err_t;

class ExactlyOnceRefusals : public SmallRelay {
protected:
    // The records are sent one by one, so they reach the broker before the position.
    void refuse_content(Error error) {
        kafka_.answer(MockKafka::produce, error);
        is_quiet_ = false;
    }
};

TEST_F(ExactlyOnceRefusals, stops_at_a_refused_event_and_delivers_what_came_before) {
    commit_interval_ = milliseconds(1500); // one batch, whose records are sent one by one
    start_session();
    Lsn before = add_transaction(2);
    is_quiet_ = false;
    ASSERT_TRUE(run_until([&] { return kafka_.size_of("orders") == 2; }));
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    Lsn poisoned = add_transaction(1);
    run_for(milliseconds(5));
    Lsn after = add_transaction(1, 10, false, "payments");
    EXPECT_THROW(run_until_confirmed(poisoned), PoisonedEvent);
    confirm();
    EXPECT_EQ(confirmed_, before);
    EXPECT_EQ(heard_[before], 2u);
    EXPECT_EQ(heard_[poisoned] + heard_[after], 0u);
    EXPECT_EQ(position().end, before);
    session_.reset();
    sink_.reset();
    EXPECT_EQ(budget_.used(), 0u);
    is_quiet_ = true;
    set_position({before, 0, true}); // the mock still shows the position of the aborted batch
    start_session();                 // in the next attempt the mock refuses nothing
    ASSERT_TRUE(run_until_confirmed(after));
    expect_each_delivered_once();
}

// Otherwise the relay, which ends because of the event, would wait in vain until the batch before is confirmed.
TEST_F(ExactlyOnceRefusals, stops_at_a_refused_event_only_when_the_batch_before_is_seen) {
    Lsn before = start_with_unseen_batch(2);
    refuse_content(RD_KAFKA_RESP_ERR_INVALID_RECORD);
    Lsn poisoned = add_transaction(1);
    EXPECT_NO_THROW(run_for(milliseconds(500)));
    EXPECT_FALSE(sink_->empty());
    kafka_.answer_as_usual(MockKafka::fetch);
    EXPECT_THROW(run_until_confirmed(poisoned), PoisonedEvent);
    EXPECT_TRUE(sink_->empty());
    confirm();
    EXPECT_EQ(confirmed_, before);
}

TEST_F(ExactlyOnceRefusals, sets_refused_events_aside) {
    target_.on_poison = OnPoison::dead_letter;
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    for (Error error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP}) {
        SCOPED_TRACE(rd_kafka_err2name(error));
        auto before = target_.learned.set_aside_count;
        refuse_content(error);
        ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
        EXPECT_EQ(target_.learned.set_aside_count, before + 1);
        EXPECT_EQ(target_.learned.quarantine.size(), 0u);
        expect_each_delivered_once();
    }
    EXPECT_EQ(failures_, std::vector<std::string>()) << "it took a new session";
}

TEST_F(ExactlyOnceRefusals, stops_where_the_dead_letter_is_refused_as_well) {
    target_.on_poison = OnPoison::dead_letter;
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    // Kafka refuses the event, its dead letter, the one without payload, and the one without key and headers.
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD, 4);
    is_quiet_ = false;
    commit_interval_ = milliseconds(500);
    Lsn end = add_transaction(1);
    EXPECT_THROW(run_until_confirmed(end), PoisonedEvent);
    EXPECT_EQ(target_.learned.set_aside_count, 0u);
    EXPECT_LT(confirmed_, end);
}

// Kafka refuses whole batches: the sink finds the guilty record with smaller batches, and then the batches grow again.
TEST_F(ExactlyOnceRefusals, finds_the_refused_event_of_a_batch) {
    target_.on_poison = OnPoison::dead_letter;
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    refuse_content(RD_KAFKA_RESP_ERR_INVALID_RECORD);
    commit_interval_ = milliseconds(500);
    Lsn end = add_transaction(5, 1000);
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ASSERT_TRUE(run_until_confirmed(end));
    EXPECT_EQ(target_.learned.set_aside_count, 1u);
    is_quiet_ = true;
    ASSERT_TRUE(run_until_confirmed(add_transaction(2)));
    expect_each_delivered_once();
    EXPECT_EQ(failures_, std::vector<std::string>()) << "it took a new session";
}

// The mock also counts records of aborted Kafka transactions.
TEST_F(ExactlyOnceRefusals, writes_an_event_three_times_at_most_however_many_others_are_refused) {
    target_.on_poison = OnPoison::dead_letter;
    commit_interval_ = milliseconds(5000); // the batch stays open and takes more events
    start_session();
    is_quiet_ = false;
    int64_t innocent = 20;
    add_transaction(static_cast<int>(innocent));
    ASSERT_TRUE(run_until([&] { return kafka_.size_of("orders") == innocent; }));
    Lsn end{};
    for (int refusals = 0; refusals < 4; refusals++) {
        kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD);
        end = add_transaction(1);
        run_for(milliseconds(700));
    }
    is_quiet_ = true;
    ASSERT_TRUE(run_until_confirmed(end));
    EXPECT_EQ(target_.learned.set_aside_count, 4u);
    EXPECT_LE(kafka_.size_of("orders"), 3 * innocent);
    expect_each_delivered_once();
}

} // namespace
} // namespace outbox
