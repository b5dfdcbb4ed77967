// The exactly-once sink with librdkafka's mock cluster, driven as the relay drives it: batches, split transactions, positions, refused
// events. exactly_once_sink_errors_test.cpp has Kafka's errors, test/t/ what consumers see.
#include "small_relay.h"

#include "relay/base/exit_code.h"

#include <fmt/chrono.h>

namespace outbox {
namespace {

using std::chrono::milliseconds;

class ExactlyOnceSinkTest : public SmallRelay {
protected:
    std::string refusal() {
        try {
            run_for(patience);
        } catch (const Failure &failure) {
            EXPECT_EQ(failure.code(), ExitCode::position_refused);
            return failure.what();
        }
        return "";
    }
};

// ---- batches --------------------------------------------------------------------------------------------------------

TEST_F(ExactlyOnceSinkTest, says_nothing_before_the_commit) {
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 100000);
    Lsn end = add_transaction(3);
    run_for(milliseconds(300));
    EXPECT_EQ(heard_[end], 0u);
    EXPECT_LT(confirmed_, end);
    EXPECT_GT(budget_.used(), 0u) << "what may have to be produced again is still there";
    kafka_.answer_as_usual(MockKafka::end_txn);
    ASSERT_TRUE(run_until_confirmed(end));
    expect_each_delivered_once();
}

// Kafka takes one record after the other here, and a record may wait for two seconds: some 20 of them. Without smaller parts the batch
// would be aborted and repeated for ever.
TEST_F(ExactlyOnceSinkTest, commits_in_parts_what_a_slow_kafka_does_not_take_in_time) {
    target_.properties = {{"transaction.timeout.ms", "2000"}, {"socket.timeout.ms", "2000"}, {"batch.num.messages", "1"}};
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    kafka_.set_round_trip_ms(100);
    ASSERT_TRUE(run_until_confirmed(add_transaction(60)));
    kafka_.set_round_trip_ms(0);
    ASSERT_TRUE(run_until_confirmed(add_transaction(300)));
    EXPECT_TRUE(failures_.empty()) << failures_[0];
    expect_each_delivered_once();
}

// The first event of a chunk exhausts a small budget. With a Kafka transaction for each event the relay would bring a few hundred a second.
TEST_F(ExactlyOnceSinkTest, takes_the_rest_of_a_chunk_into_the_batch_though_memory_has_no_room) {
    budget_.set_limit(1000);
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    int64_t positions = kafka_.size_of("outbox.state"); // one for each batch
    ASSERT_TRUE(run_until_confirmed(add_transaction(200)));
    EXPECT_LE(kafka_.size_of("outbox.state") - positions, 3);
    expect_each_delivered_once();
}

// An acknowledged batch may not be visible yet. The sink does not commit the next batch on top of one that may have to come again.
TEST_F(ExactlyOnceSinkTest, confirms_what_it_has_read_back) {
    Lsn end = start_with_unseen_batch(3);
    Lsn next = add_transaction(2);
    run_for(milliseconds(300));
    EXPECT_LT(confirmed_, end);
    EXPECT_FALSE(sink_->empty());
    EXPECT_EQ(heard_[next], 0u);
    kafka_.answer_as_usual(MockKafka::fetch);
    ASSERT_TRUE(run_until_confirmed(next));
    EXPECT_TRUE(failures_.empty());
    expect_each_delivered_once();
}

TEST_F(ExactlyOnceSinkTest, keeps_the_position_of_what_it_delivered) {
    start_session();
    Lsn end = add_transaction(3);
    ASSERT_TRUE(run_until_confirmed(end));
    EXPECT_EQ(position().end, end);
    EXPECT_TRUE(position().complete);
}

TEST_F(ExactlyOnceSinkTest, closes_a_batch_after_its_time_though_the_stream_is_busy) {
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    is_quiet_ = false;
    auto began_at = Clock::now();
    ASSERT_TRUE(run_until_confirmed(add_transaction(3)));
    EXPECT_LT(Clock::now() - began_at, milliseconds(10000));
    EXPECT_GE(Clock::now() - began_at, commit_interval_);
}

// Single events share Kafka transactions.
TEST_F(ExactlyOnceSinkTest, commits_a_lone_event_at_once_and_the_next_after_an_interval) {
    commit_interval_ = milliseconds(4000);
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    run_for(commit_interval_);
    auto began_at = Clock::now();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    EXPECT_LT(Clock::now() - began_at, commit_interval_);
    run_for(commit_interval_ / 2);
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    EXPECT_GE(Clock::now() - began_at, commit_interval_);
    EXPECT_LT(Clock::now() - began_at, commit_interval_ * 2);
}

TEST_F(ExactlyOnceSinkTest, does_not_wait_for_an_interval_in_a_hurry) {
    commit_interval_ = 2 * patience;
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    Lsn end = add_transaction(1);
    EXPECT_TRUE(run_until([&] {
        sink_->hurry();
        return confirmed_ >= end;
    }));
}

// Otherwise the slot would keep the WAL of an idle database, or of other databases. At most once a second.
TEST_F(ExactlyOnceSinkTest, writes_a_position_where_there_was_nothing_to_deliver) {
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    auto began_at = Clock::now();
    session_->keepalive(Lsn{0x5000});
    confirm();
    ASSERT_TRUE(run_until_confirmed(Lsn{0x5000}));
    EXPECT_LT(Clock::now() - began_at, milliseconds(10000));
    EXPECT_EQ(position().end, Lsn{0x5000});
    EXPECT_TRUE(position().complete);
    session_->keepalive(Lsn{0x5100});
    confirm();
    ASSERT_TRUE(run_until_confirmed(Lsn{0x5100}));
    EXPECT_GE(Clock::now() - began_at, milliseconds(1000));
}

// ---- splits ---------------------------------------------------------------------------------------------------------

TEST_F(ExactlyOnceSinkTest, splits_a_transaction_that_is_larger_than_its_memory) {
    start_session();
    Lsn before = add_transaction(1), large = add_transaction(60, 100 << 10, true), after = add_transaction(2);
    bool was_split = false;
    ASSERT_TRUE(run_until([&] {
        was_split |= heard_[large] > 0 && heard_[large] < 60;
        EXPECT_LE(confirmed_, heard_[large] < 60 ? before : after) << "the rest of a split transaction was not delivered";
        return confirmed_ >= after;
    }));
    EXPECT_TRUE(was_split);
    expect_each_delivered_once();
}

TEST_F(ExactlyOnceSinkTest, goes_on_in_the_middle_of_a_transaction) {
    Lsn end = add_transaction(5, 10, true), after = add_transaction(2);
    set_position({end, 3, false});
    start_session();
    ASSERT_TRUE(run_until_confirmed(after));
    EXPECT_EQ(heard_[end], 2u) << "three of five were there";
    EXPECT_EQ(heard_[after], 2u);
    EXPECT_TRUE(position().complete);
}

// All events of the transaction are in Kafka, but the position does not say so.
TEST_F(ExactlyOnceSinkTest, goes_on_at_the_commit_of_a_transaction) {
    Lsn end = add_transaction(5, 10, true);
    set_position({end, 5, false});
    start_session();
    ASSERT_TRUE(run_until_confirmed(end));
    EXPECT_EQ(heard_[end], 0u);
    EXPECT_TRUE(position().complete);
}

TEST_F(ExactlyOnceSinkTest, refuses_to_go_on_where_the_rest_of_a_split_is_missing) {
    Lsn end = add_transaction(5);
    set_position({Lsn{static_cast<uint64_t>(end) - 1}, 3, false});
    start_session();
    EXPECT_NE(refusal().find("3 events are in Kafka"), std::string::npos);
    EXPECT_EQ(heard_[end], 0u);
    EXPECT_EQ(confirmed_, slot_start);
}

// After a commit that took too long, or that lost its broker, a new producer reads the position again.
TEST_F(ExactlyOnceSinkTest, goes_on_after_a_doubtful_commit) {
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    for (size_t cut :
         {1, 3, 5}) { // the batch is closed after this many of the transaction's six CopyData messages, and its commit is in doubt
        SCOPED_TRACE(cut);
        Lsn end = add_transaction(5, 10, true);
        read_up_to_ = next_ + cut;
        run_until([&] { return next_ == read_up_to_ && !session_->is_offering(); });
        budget_.take(1 << 20);
        kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR__TRANSPORT, 3);
        ASSERT_TRUE(run_until([&] { return heard_[end] == cut; }));
        budget_.give_back(1 << 20);
        read_up_to_ = SIZE_MAX;
        ASSERT_TRUE(run_until_confirmed(add_transaction(2)));
        expect_each_delivered_once();
    }
    EXPECT_EQ(failures_, std::vector<std::string>());
}

// Memory may have room for more than a slow Kafka takes within the time-out of its Kafka transaction.
TEST_F(ExactlyOnceSinkTest, closes_a_batch_that_is_large_though_memory_has_room) {
    budget_.set_limit(256 << 20);
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(1)));
    Lsn end = add_transaction(5, 10, true);
    read_up_to_ = next_ + 3;
    run_until([&] { return next_ == read_up_to_ && !session_->is_offering(); });
    budget_.take(Batch::bytes_max);
    EXPECT_TRUE(run_until([&] { return heard_[end] == 3; }));
    budget_.give_back(Batch::bytes_max);
    read_up_to_ = SIZE_MAX;
    ASSERT_TRUE(run_until_confirmed(add_transaction(2)));
    expect_each_delivered_once();
}

// Kafka acknowledges a doubtful commit and does not show it, then an operator aborts it: the position that is read is older than what was
// acknowledged, and only the slot has the events. The mock shows every position at once, so the test writes the older one after it.
TEST_F(ExactlyOnceSinkTest, starts_again_from_the_slot_where_less_is_read_back_than_was_acknowledged) {
    start_session();
    Lsn before = add_transaction(1);
    ASSERT_TRUE(run_until_confirmed(before));
    for (size_t events : {3, 4}) { // the second time in the next session
        SCOPED_TRACE(events);
        failures_.clear();
        kafka_.answer(MockKafka::fetch, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, 100000);
        kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR__TRANSPORT);
        Lsn lost = add_transaction(events);
        ASSERT_TRUE(run_until([&] { return heard_[lost] == events; }));
        set_position({before, 0, true});
        kafka_.answer_as_usual(MockKafka::fetch);
        Lsn after = add_transaction(2);
        ASSERT_TRUE(run_until_confirmed(after));
        ASSERT_EQ(failures_.size(), 1u);
        EXPECT_NE(failures_[0].find("which come again"), std::string::npos) << failures_[0];
        EXPECT_EQ(heard_[lost], 2 * events) << "they were never produced again";
        EXPECT_EQ(position().end, after);
        events_[lost] = heard_[lost];
        expect_each_delivered_once();
        before = after;
    }
}

// ---- positions that cannot be right ---------------------------------------------------------------------------------

TEST_F(ExactlyOnceSinkTest, refuses_a_slot_that_is_ahead_of_its_position) {
    confirmed_ = Lsn{0x101};
    start_session();
    EXPECT_NE(refusal().find("may be missing"), std::string::npos);
}

// The relay before delivers until it is fenced: here, when this one has asked Kafka for its epoch already.
TEST_F(ExactlyOnceSinkTest, looks_at_the_position_only_when_the_relay_before_is_fenced) {
    committed_at_ = fmt::format("{:%FT%T}.000000Z", fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
    Lsn theirs = add_transaction(3), ours = add_transaction(1);
    kafka_.answer_one(MockKafka::init_producer_id, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    start_session();
    ASSERT_TRUE(run_until([&] { return kafka_.is_answered(MockKafka::init_producer_id); }));
    covered_ = {theirs, 0, true};
    set_position(covered_);
    ASSERT_TRUE(run_until_confirmed(ours));
    EXPECT_EQ(failures_, std::vector<std::string>());
    EXPECT_EQ(heard_[theirs], 0u) << "the relay before has delivered these events";
    EXPECT_EQ(heard_[ours], 1u);
}

TEST_F(ExactlyOnceSinkTest, passes_what_is_there_already) {
    Lsn there = add_transaction(4), next = add_transaction(2);
    set_position({there, 0, true});
    start_session();
    ASSERT_TRUE(run_until_confirmed(next));
    EXPECT_EQ(heard_[there], 0u);
    EXPECT_EQ(heard_[next], 2u);
}

} // namespace
} // namespace outbox
