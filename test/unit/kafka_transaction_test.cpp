// Answers of Kafka and librdkafka to the end and the beginning of a Kafka transaction, with librdkafka's mock cluster.
#include "mock_kafka.h"
#include "starved_threads.h"

#include "relay/kafka/properties.h"
#include "relay/kafka/transaction.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

namespace outbox {
namespace {

using Step = KafkaTransaction::Step;
using Error = rd_kafka_resp_err_t;
constexpr auto patience = std::chrono::seconds(60); // long enough for a busy machine

class KafkaTransactionTest : public testing::Test, public KafkaProducer::Listener {
protected:
    void reported(const rd_kafka_message_t &, rd_kafka_resp_err_t error) override {
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            acknowledged_++;
        else
            error_ = error;
    }
    void producer_died(const std::string &) override { is_dead_ = true; }
    void records_lost(const std::string &sentence) override { ADD_FAILURE() << sentence; }

    KafkaProducer &producer() { return transaction_->producer(); }

    // No call holds up the loop.
    template <class Call>
    Step complete(Call call) {
        Step step = Step::waiting;
        for (auto until = Clock::now() + patience; step == Step::waiting && Clock::now() < until; producer().serve(1)) {
            auto began_at = Clock::now();
            step = call();
            EXPECT_LT(Clock::now() - began_at, std::chrono::seconds(1)) << "the relay would stand still";
        }
        return step;
    }
    Step fence() {
        return complete([this] { return transaction_->fence(); });
    }
    Step commit() {
        return complete([this] { return transaction_->commit(); });
    }
    Step abort() {
        return complete([this] { return transaction_->abort(); });
    }

    void open() {
        transaction_ = std::make_unique<KafkaTransaction>(make_transactional_conf(kafka_.brokers(), {{"linger.ms", "0"}}, "outbox-1-slot"),
                                                          ends_, static_cast<KafkaProducer::Listener &>(*this));
    }
    void open_and_begin() {
        open();
        ASSERT_EQ(fence(), Step::done) << transaction_->reason();
        ASSERT_EQ(transaction_->begin(), Step::done) << transaction_->reason();
    }

    // Produces one record, and waits for its report.
    void produce() {
        static char value[] = "1";
        KafkaRecord record;
        record.topic = "orders";
        record.value = value;
        record.value_size = 1;
        record.copies = true;
        record.headers.reset(rd_kafka_headers_new(1));
        auto until = Clock::now() + patience;
        while (producer().produce(record, nullptr) != KafkaProducer::Outcome::taken && Clock::now() < until)
            producer().serve(5);
        while (producer().in_flight() > 0 && Clock::now() < until)
            producer().serve(5);
    }

    MockKafka kafka_{"orders"};
    LogEnds ends_;
    std::unique_ptr<KafkaTransaction> transaction_;
    int acknowledged_ = 0;
    std::optional<Error> error_; // the error of the last record that was not acknowledged
    bool is_dead_ = false;
};

TEST_F(KafkaTransactionTest, commits_one_after_the_other) {
    open_and_begin();
    for (int i = 1; i <= 3; i++) {
        produce();
        EXPECT_EQ(acknowledged_, i);
        EXPECT_EQ(transaction_->failure(), RD_KAFKA_RESP_ERR_NO_ERROR);
        ASSERT_EQ(commit(), Step::done);
        EXPECT_FALSE(transaction_->is_doubtful());
        ASSERT_EQ(transaction_->begin(), Step::done);
    }
}

TEST_F(KafkaTransactionTest, aborts_and_begins_again) {
    open_and_begin();
    produce();
    ASSERT_EQ(abort(), Step::done);
    EXPECT_FALSE(transaction_->was_ended_twice());
    ASSERT_EQ(transaction_->begin(), Step::done);
    produce();
    EXPECT_EQ(commit(), Step::done);
}

TEST_F(KafkaTransactionTest, waits_while_kafka_is_not_ready) {
    for (Error error : {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS})
        kafka_.answer(MockKafka::init_producer_id, error);
    open();
    EXPECT_EQ(fence(), Step::done);
    ASSERT_EQ(transaction_->begin(), Step::done);
    produce();
    kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
    EXPECT_EQ(commit(), Step::done);
}

TEST_F(KafkaTransactionTest, says_why_it_waits) {
    kafka_.go_down();
    open();
    Clock::time_point asked_at{}; // before the last call, since a busy machine may be late behind it
    for (auto until = Clock::now() + patience; transaction_->reason().empty() && Clock::now() < until; producer().serve(5)) {
        asked_at = Clock::now();
        ASSERT_EQ(transaction_->fence(), Step::waiting);
    }
    EXPECT_NE(transaction_->reason(), "");
    EXPECT_GT(transaction_->step_at(), asked_at) << "the loop would spin";
}

TEST_F(KafkaTransactionTest, is_lost_where_kafka_refuses_the_producer) {
    kafka_.answer(MockKafka::init_producer_id, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    open();
    EXPECT_EQ(fence(), Step::lost);
    EXPECT_EQ(transaction_->reason().rfind("cannot begin Kafka transactions: ", 0), 0u) << transaction_->reason();
}

TEST_F(KafkaTransactionTest, is_lost_where_a_call_was_not_allowed) {
    open_and_begin();
    EXPECT_EQ(transaction_->begin(), Step::lost) << "one is open";
    EXPECT_EQ(transaction_->reason().rfind("cannot begin a Kafka transaction: ", 0), 0u) << transaction_->reason();
}

// A Kafka transaction with a forbidden topic: librdkafka purges the records, and their reports do not name the cause.
TEST_F(KafkaTransactionTest, says_why_the_open_one_has_failed_and_goes_on_after_an_abort) {
    open_and_begin();
    kafka_.answer(MockKafka::add_partitions_to_txn, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    produce();
    EXPECT_EQ(error_, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    EXPECT_EQ(transaction_->failure(), RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    EXPECT_EQ(commit(), Step::must_abort);
    ASSERT_EQ(abort(), Step::done);
    ASSERT_EQ(transaction_->begin(), Step::done);
    EXPECT_EQ(transaction_->failure(), RD_KAFKA_RESP_ERR_NO_ERROR);
    produce();
    EXPECT_EQ(commit(), Step::done);
}

// librdkafka asks for an abort, but the request to commit has been sent, and the commit may have taken place.
TEST_F(KafkaTransactionTest, is_lost_where_a_commit_fails_that_may_have_taken_place) {
    open_and_begin();
    produce();
    kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
    EXPECT_EQ(commit(), Step::lost);
    EXPECT_EQ(transaction_->reason().rfind("cannot commit a Kafka transaction: ", 0), 0u) << transaction_->reason();
    EXPECT_FALSE(is_dead_);
}

TEST_F(KafkaTransactionTest, is_lost_where_another_producer_has_fenced_it) {
    for (bool is_commit : {true, false}) {
        is_dead_ = false;
        open_and_begin();
        produce();
        kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
        EXPECT_EQ(is_commit ? commit() : abort(), Step::lost);
        EXPECT_TRUE(is_dead_);
        transaction_->abort_within(patience); // returns at once, because an abort is of no use here
    }
}

// The first request may still be on its way.
TEST_F(KafkaTransactionTest, knows_when_its_end_was_sent_twice) {
    open_and_begin();
    produce();
    kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR__TRANSPORT);
    ASSERT_EQ(commit(), Step::done);
    EXPECT_TRUE(transaction_->is_doubtful());
    ASSERT_EQ(transaction_->begin(), Step::done);
    EXPECT_FALSE(transaction_->was_ended_twice()) << "that was the one before";
    produce();
    kafka_.answer(MockKafka::end_txn, RD_KAFKA_RESP_ERR__TRANSPORT);
    ASSERT_EQ(abort(), Step::done);
    EXPECT_TRUE(transaction_->was_ended_twice());
}

TEST_F(KafkaTransactionTest, waits_for_an_abort_no_longer_than_told) {
    open_and_begin();
    produce();
    kafka_.go_down();
    auto began_at = Clock::now();
    transaction_->abort_within(std::chrono::milliseconds(300));
    EXPECT_GE(Clock::now() - began_at, std::chrono::milliseconds(300));
    EXPECT_LT(Clock::now() - began_at, std::chrono::seconds(5));
}

// An order to the main thread is answered late: later than a call of some milliseconds would wait.
TEST_F(KafkaTransactionTest, is_not_misled_by_late_answers_of_librdkafkas_main_thread) {
    std::set<int> others = threads_named("rdk:main");
    open_and_begin();
    std::set<int> mine = threads_named("rdk:main");
    for (int other : others)
        mine.erase(other);
    ASSERT_EQ(mine.size(), 1u);
    StarvedThreads starved(mine);
    auto until = Clock::now() + std::chrono::seconds(3);
    for (int i = 1; i == 1 || Clock::now() < until; i++) {
        produce();
        ASSERT_EQ(acknowledged_, i);
        ASSERT_EQ(commit(), Step::done) << transaction_->reason();
        ASSERT_EQ(transaction_->begin(), Step::done) << transaction_->reason();
    }
}

} // namespace
} // namespace outbox
