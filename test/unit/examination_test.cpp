// Which record is to blame where Kafka refuses records of a batch, and which records the next Kafka transaction has. The test makes up
// Kafka's answers. exactly_once_sink_test.cpp has what the sink does with the decisions.
#include "relay/kafka/examination.h"
#include "relay/kafka/properties.h"

#include <gtest/gtest.h>

#include <cstring>

namespace outbox {
namespace {

constexpr auto content = RD_KAFKA_RESP_ERR_INVALID_RECORD;
constexpr auto topic = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
constexpr auto operation = RD_KAFKA_RESP_ERR__TRANSPORT;

class ExaminationTest : public testing::Test, public KafkaProducer::Listener {
protected:
    void reported(const rd_kafka_message_t &, rd_kafka_resp_err_t) override {}
    void producer_died(const std::string &) override {}
    void records_lost(const std::string &) override {}

    // Adds events of one transaction, whose records are on their way.
    void fill(uint64_t events) {
        for (uint64_t ordinal = 1; ordinal <= events; ordinal++) {
            std::string line = R"({"topic":"orders","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":1})";
            Memory memory(strdup(line.c_str()));
            std::string_view lines(memory.get(), line.size());
            Chunk::Pointer chunk = Chunk::create(std::move(memory), lines, 0, budget_);
            chunk->set_transaction(0, Lsn{0x100});
            batch_.add({std::move(chunk), lines, 0, ordinal});
            batch_.taken(Clock::now());
        }
        send();
    }
    void send() {
        for (size_t i = 0; i < batch_.size(); i++)
            batch_[i].state = Entry::State::in_flight;
    }

    // Gives Kafka's answer for a batch of these records.
    void refuse(size_t from, size_t to, rd_kafka_resp_err_t error) {
        report_++;
        for (size_t i = from; i < to; i++)
            examination_.refused(batch_[i], error, "orders", report_);
    }
    bool judge(rd_kafka_resp_err_t of_all = RD_KAFKA_RESP_ERR_NO_ERROR) {
        bool was_refused = examination_.judge(batch_, of_all, care_, producer_);
        examination_.divide(batch_);
        return was_refused;
    }

    KafkaTarget target_;
    Source source_;
    LogEnds ends_;
    KafkaProducer producer_{make_kafka_conf("127.0.0.1:1", {}), ends_, *this}; // which reaches no broker
    Budget budget_{1 << 20};
    Batch batch_{std::chrono::milliseconds(100)};
    Care care_;
    uint64_t report_ = 0;
    Examination examination_{target_, source_};
};

TEST_F(ExaminationTest, blames_nobody_where_the_operation_has_failed) {
    fill(3);
    EXPECT_FALSE(judge(operation));
    EXPECT_FALSE(examination_.is_running());
    EXPECT_EQ(batch_[0].state, Entry::State::queued);
    EXPECT_EQ(batch_.part(), 3u);
}

TEST_F(ExaminationTest, makes_the_groups_smaller_until_each_event_is_alone) {
    fill(100);
    for (size_t expected : {12, 1}) {
        refuse(0, examination_.is_running() ? 12 : 100, content);
        EXPECT_TRUE(judge());
        EXPECT_TRUE(examination_.is_running());
        EXPECT_EQ(examination_.limit_at(batch_[0].position(), care_), expected);
        send();
    }
    EXPECT_TRUE(examination_.wants_each_alone());
    EXPECT_EQ(target_.learned.quarantine.size(), 0u);
}

// If the answer names no record, the records that were on their way count as one batch.
TEST_F(ExaminationTest, takes_a_transaction_that_has_failed_as_a_whole_for_a_refused_batch) {
    fill(16);
    EXPECT_TRUE(judge(RD_KAFKA_RESP_ERR_POLICY_VIOLATION));
    EXPECT_EQ(examination_.limit_at(batch_[0].position(), care_), 2u);
}

TEST_F(ExaminationTest, cuts_the_batch_in_front_of_an_event_that_nothing_can_stand_for) {
    target_.learned.quarantine.follow(false, {});
    fill(5);
    refuse(2, 3, content);
    EXPECT_TRUE(judge());
    EXPECT_TRUE(examination_.stops());
    EXPECT_EQ(batch_.size(), 2u);
    EXPECT_NE(std::string(examination_.take_poison().what()).find("01a20c11"), std::string::npos);
    EXPECT_FALSE(examination_.stops());
}

TEST_F(ExaminationTest, goes_on_with_the_whole_batch_where_a_dead_letter_stands_for_the_event) {
    target_.learned.quarantine.follow(true, {});
    fill(5);
    refuse(2, 3, content);
    EXPECT_TRUE(judge());
    EXPECT_FALSE(examination_.stops());
    EXPECT_EQ(batch_.part(), 5u);
    EXPECT_EQ(target_.learned.quarantine.form_of(batch_[2].position(), ""), Form::letter);
}

TEST_F(ExaminationTest, lets_what_came_before_go_and_then_the_event_that_waits_for_its_topic_alone) {
    fill(5);
    refuse(2, 3, topic);
    EXPECT_TRUE(judge());
    EXPECT_TRUE(examination_.waits_at(batch_[2].position()));
    EXPECT_NE(examination_.waiting_for(), "");
    EXPECT_EQ(batch_.part(), 2u);
    batch_.remove_part();
    examination_.committed(true);
    examination_.divide(batch_);
    EXPECT_EQ(batch_.part(), 1u);
    EXPECT_EQ(examination_.limit_at(batch_[0].position(), care_), 1u);
    examination_.accepted(batch_[0]);
    EXPECT_FALSE(examination_.waits());
    EXPECT_EQ(examination_.waiting_for(), "");
}

// Otherwise each refusal among later events would write all events before once more.
TEST_F(ExaminationTest, lets_nothing_into_a_batch_that_is_examined_a_second_time) {
    target_.learned.quarantine.follow(true, {});
    fill(5);
    for (bool is_again : {false, true}) {
        refuse(0, 1, content);
        EXPECT_TRUE(judge());
        EXPECT_EQ(batch_.is_closed(), is_again);
        examination_.end();
        send();
    }
}

} // namespace
} // namespace outbox
