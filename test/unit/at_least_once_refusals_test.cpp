// The at-least-once sink and records that Kafka refuses, with librdkafka's mock cluster: which event the sink blames, which event waits,
// and what replaces an event.
#include "lone_sink.h"
#include "mock_kafka.h"

namespace outbox {
namespace {

class AtLeastOnceRefusals : public LoneSink {};

TEST_F(AtLeastOnceRefusals, takes_a_lone_refused_event_for_poison) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ASSERT_TRUE(offer());
    sink_->flush();
    std::string text = poison();
    EXPECT_EQ(delivered_, 1);
    EXPECT_TRUE(sink_->empty()) << "the relay would wait for what is never delivered";
    for (const char *part : {"01a20c11-09d4-7b9d-95a5-66f7b2170e7a", "topic \"orders\"", "0/100", "outbox-relay skip --id", "dead-letter"})
        EXPECT_NE(text.find(part), std::string::npos) << text;

    sink_.reset(); // the next session tries the event again
    EXPECT_EQ(budget_.used(), 0u);
    start();
    taken_--;
    EXPECT_TRUE(deliver(1));
}

TEST_F(AtLeastOnceRefusals, delivers_all_the_others_once_when_a_batch_is_refused) {
    target_.properties = {{"linger.ms", "1000"}}; // so that the events are one batch
    ASSERT_TRUE(start_and_deliver_one());
    for (auto error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
                       static_cast<rd_kafka_resp_err_t>(200)}) {
        SCOPED_TRACE(static_cast<int>(error));
        sink_.reset(); // which may still be examining
        target_.learned.size_limits = {};
        start();
        ASSERT_TRUE(deliver(1)); // the first record to a partition goes alone
        auto before = orders();
        kafka_.answer(MockKafka::produce, error);
        ASSERT_TRUE(deliver(10));
        EXPECT_EQ(orders(), before + 10) << "of which none was to blame";
    }
    EXPECT_EQ(delivered_, 45);
    EXPECT_EQ(target_.learned.set_aside_count, 0u);
}

// A group that is looked through is smaller than a request, so no linger fills it.
TEST_F(AtLeastOnceRefusals, looks_through_a_batch_without_a_linger_though_memory_is_full) {
    target_.properties = {{"linger.ms", "300000"}}; // longer than serve_until() waits
    kafka_.set_round_trip_ms(30);                   // longer than the end of a linger for other records lasts
    auto deliver_up_to = [this](int events) {
        return serve_until([&] {
            sink_->flush(); // as the relay does at each turn
            return delivered_ >= events;
        });
    };
    ASSERT_TRUE(start_and_deliver_one());
    for (int i = 0; i < 100; i++)
        ASSERT_TRUE(offer_when_ready());
    kafka_.answer(MockKafka::produce, static_cast<rd_kafka_resp_err_t>(200));
    sink_->flush();
    budget_.take(budget_.limit());
    ASSERT_TRUE(deliver_up_to(101));
    budget_.give_back(budget_.limit());
}

// ---- events that wait -----------------------------------------------------------------------------------------------

// The relay may describe the topic and not write to it, or the topic is Kafka's own: no other event is repeated for it.
TEST_F(AtLeastOnceRefusals, waits_for_a_topic_and_names_the_event) {
    ASSERT_TRUE(start_and_deliver_one());
    for (auto error : {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION}) {
        SCOPED_TRACE(rd_kafka_err2name(error));
        auto before = orders();
        ASSERT_TRUE(deliver(3));
        kafka_.answer(MockKafka::produce, error, 4);
        ASSERT_TRUE(offer_when_ready());
        sink_->flush();
        EXPECT_TRUE(serve_until([this] { return !sink_->waiting_for().empty(); }));
        for (const char *part : {"\"orders\"", "01a20c11-09d4-7b9d-95a5-66f7b2170e7a", "0/100", "skip"})
            EXPECT_NE(sink_->waiting_for().find(part), std::string::npos) << sink_->waiting_for();
        EXPECT_TRUE(serve_until([this] { return sink_->empty(); }));
        EXPECT_EQ(orders(), before + 4);
        EXPECT_EQ(sink_->waiting_for(), "");
    }
}

// Unknown error codes: an event that is refused alone several times is to blame. Once is not enough.
TEST_F(AtLeastOnceRefusals, takes_an_unknown_error_that_stays_for_a_refusal) {
    target_.on_poison = OnPoison::dead_letter;
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, static_cast<rd_kafka_resp_err_t>(200), Suspicion::unknown_max + 1);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return sink_->empty(); }));
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(dead_letters(), 1);
}

// Another session begins, perhaps after an operator has skipped the event.
TEST_F(AtLeastOnceRefusals, waits_for_nothing_of_a_session_that_has_ended) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1000);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return !sink_->waiting_for().empty(); }));
    sink_->stop();
    EXPECT_TRUE(serve_until([this] { return sink_->empty(); }));
    EXPECT_EQ(sink_->waiting_for(), "");
    EXPECT_EQ(budget_.used(), 0u);
    kafka_.answer_as_usual(MockKafka::produce);
    sink_->start({});
    ASSERT_TRUE(deliver(1));
    EXPECT_EQ(delivered_, 2);
}

// With a wrong clock every event would be set aside.
TEST_F(AtLeastOnceRefusals, waits_for_the_clocks) {
    ASSERT_TRUE(start_and_deliver_one());
    commit_time_ms_ += 125 * 60 * 1000;
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 3);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return !sink_->waiting_for().empty(); }));
    EXPECT_NE(sink_->waiting_for().find("PostgreSQL's clock is 124 minutes ahead"), std::string::npos) << sink_->waiting_for();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

// ---- dead letters ---------------------------------------------------------------------------------------------------

class AtLeastOnceDeadLetter : public AtLeastOnceRefusals, public testing::WithParamInterface<rd_kafka_resp_err_t> {
protected:
    void SetUp() override {
        target_.on_poison = OnPoison::dead_letter;
        ASSERT_TRUE(start_and_deliver_one());
    }
};

TEST_P(AtLeastOnceDeadLetter, takes_the_place_of_a_refused_event) {
    kafka_.answer(MockKafka::produce, GetParam());
    ASSERT_TRUE(deliver(1));
    EXPECT_EQ(delivered_, 2);
    EXPECT_EQ(dead_letters(), 1);
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(target_.learned.set_aside_count, 1u);
    EXPECT_EQ(target_.learned.quarantine.size(), 0u);
    EXPECT_EQ(budget_.used(), 0u);
    target_.learned.size_limits = {}; // the limit has been raised
    ASSERT_TRUE(deliver(1)) << "the same id at another position";
    EXPECT_EQ(orders(), 2);
}

INSTANTIATE_TEST_SUITE_P(, AtLeastOnceDeadLetter,
                         testing::Values(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                         RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP),
                         [](const auto &info) { return std::string(rd_kafka_err2name(info.param)); });

// The sink does not try an event that is as large as a record that Kafka has refused.
TEST_F(AtLeastOnceDeadLetter, takes_the_place_of_all_that_are_as_large) {
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    ASSERT_TRUE(deliver(1));
    ASSERT_TRUE(deliver(3));
    EXPECT_EQ(delivered_, 5);
    EXPECT_EQ(dead_letters(), 4);
    EXPECT_EQ(orders(), 1);
    ASSERT_TRUE(deliver_to("payments")) << "of another topic nothing is known";
    EXPECT_EQ(kafka_.size_of("payments"), 1);
}

// The sink does not know the sizes of compressed records in a batch.
TEST_F(AtLeastOnceRefusals, tries_each_record_where_they_are_compressed) {
    target_.on_poison = OnPoison::dead_letter;
    target_.properties = {{"compression.type", "lz4"}};
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    ASSERT_TRUE(deliver(1));
    ASSERT_TRUE(deliver(1));
    EXPECT_EQ(dead_letters(), 1);
    EXPECT_EQ(orders(), 2);
}

// The event is too large for the dead-letter topic, too.
TEST_F(AtLeastOnceDeadLetter, leaves_out_payload_then_key_and_headers_and_then_stops) {
    key_ = std::string(1000, 'k'); // larger than the digest that replaces the key
    payload_ = '"' + std::string(1000, 'p') + '"';
    for (size_t refusals : {2, 3}) {
        kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, refusals);
        ASSERT_TRUE(deliver(1)) << refusals;
        target_.learned.size_limits = {}; // the mock refuses records whatever their size
    }
    EXPECT_EQ(delivered_, 3);
    EXPECT_EQ(dead_letters(), 2);

    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 4);
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    std::string text = poison();
    EXPECT_NE(text.find("Raise max.message.bytes of topic \"outbox.dead-letter\""), std::string::npos) << text;
    EXPECT_EQ(text.find("--on-poison"), std::string::npos) << "which is in force: " << text;
    EXPECT_EQ(delivered_, 3);
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(dead_letters(), 2);
}

// The dead letter has the current time, so Kafka's refusal means a wrong clock.
TEST_F(AtLeastOnceDeadLetter, waits_for_the_clocks_where_its_own_time_is_refused) {
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 3);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return !sink_->waiting_for().empty(); }));
    EXPECT_NE(sink_->waiting_for().find("the brokers' differ"), std::string::npos) << sink_->waiting_for();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
    EXPECT_EQ(dead_letters(), 1);
}

} // namespace
} // namespace outbox
