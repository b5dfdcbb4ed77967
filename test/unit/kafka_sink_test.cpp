// The Kafka sink against librdkafka's mock cluster, for the faults that a real broker cannot be asked to show. All else: test/t/.
#include "relay/kafka_sink.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include <cstring>

namespace outbox {
namespace {

constexpr int16_t produce_request = 0;

// A broker that does what it is told.
class MockKafka {
public:
    MockKafka() {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
        cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
        rd_kafka_mock_topic_create(cluster_, "orders", 1, 1);
    }
    ~MockKafka() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(owner_);
    }
    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    void answer_produce_with(rd_kafka_resp_err_t error) { rd_kafka_mock_push_request_errors(cluster_, produce_request, 1, error); }

private:
    rd_kafka_t *owner_;
    rd_kafka_mock_cluster_t *cluster_;
};

class KafkaSinkTest : public testing::Test, public DeliveryListener {
protected:
    void delivered(const Chunk &) override { delivered_++; }

    void start() { sink_ = std::make_unique<KafkaSink>(target_, *this); }

    // One event in a chunk of its own; the sink holds the chunk from then on.
    bool offer() {
        const char line[] = R"({"topic":"orders","key":"42","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":{"n":1}})";
        Memory memory(strdup(line));
        std::string_view lines(memory.get(), strlen(line));
        Chunk::Pointer chunk = Chunk::create(std::move(memory), lines, 0, budget_);
        return sink_->offer({}, parse_event(lines), *chunk) == Offer::taken;
    }

    template <class Condition>
    bool serve_until(Condition condition) {
        for (auto until = Clock::now() + std::chrono::seconds(20); Clock::now() < until;) {
            if (condition())
                return true;
            pollfd wanted = sink_->wanted();
            poll(&wanted, 1, 50);
            sink_->serve();
        }
        return false;
    }

    bool offer_when_ready() {
        return serve_until([this] { return offer(); });
    }

    MockKafka kafka_;
    KafkaTarget target_{.brokers = kafka_.brokers(), .properties = {}};
    Budget budget_{1 << 20};
    int delivered_ = 0;
    std::unique_ptr<KafkaSink> sink_;
};

TEST_F(KafkaSinkTest, reports_what_is_delivered_and_lets_go_of_it) {
    start();
    ASSERT_TRUE(offer_when_ready());
    EXPECT_FALSE(sink_->empty());
    EXPECT_GT(budget_.used(), 0u);
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 1; }));
    EXPECT_TRUE(sink_->empty());
    EXPECT_EQ(budget_.used(), 0u);
}

// Also librdkafka 2.0.2's false ones: another producer has to go on, and nothing may be counted as delivered.
TEST_F(KafkaSinkTest, fails_on_a_fatal_error_and_a_new_one_goes_on) {
    start();
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 1; }));
    kafka_.answer_produce_with(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_THROW(serve_until([this] { return delivered_ == 11; }), SinkFailure);
    EXPECT_EQ(delivered_, 1);

    sink_.reset();
    EXPECT_EQ(budget_.used(), 0u) << "a dead producer holds on to memory";
    start();
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

TEST_F(KafkaSinkTest, takes_a_lone_refused_event_for_poison) {
    start();
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 1; }));
    kafka_.answer_produce_with(RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_THROW(serve_until([this] { return delivered_ == 2; }), SinkFailure);
    EXPECT_EQ(delivered_, 1);

    sink_.reset(); // the next one delivers what came before, and stops there
    start();
    EXPECT_THROW(offer_when_ready(), PoisonedEvent);
}

TEST_F(KafkaSinkTest, sends_smaller_batches_when_a_batch_is_refused) {
    start();
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 1; }));
    kafka_.answer_produce_with(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_THROW(serve_until([this] { return delivered_ == 11; }), SinkFailure);
    EXPECT_GT(target_.batch_bytes, 0u);
    EXPECT_LT(target_.batch_bytes, 1000u);
}

TEST_F(KafkaSinkTest, retries_what_is_operational) {
    start();
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 1; }));
    kafka_.answer_produce_with(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

} // namespace
} // namespace outbox
