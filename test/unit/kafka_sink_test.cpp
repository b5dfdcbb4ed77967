// The Kafka sink against librdkafka's mock cluster, for the faults that a real broker cannot be asked to show. All else: test/t/.
#include "mock_kafka.h"
#include "relay/kafka_sink.h"

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <cstring>

namespace {

std::atomic<int> look_up_takes_ms{0};
std::atomic<bool> is_looking_up{false};

} // namespace

// librdkafka's threads ask it before each connection, and can do nothing else meanwhile.
extern "C" int getaddrinfo(const char *node, const char *service, const addrinfo *hints, addrinfo **result) {
    static auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    if (int ms = look_up_takes_ms; ms > 0) {
        is_looking_up = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    }
    return real(node, service, hints, result);
}

namespace outbox {
namespace {

class KafkaSinkTest : public testing::Test, public DeliveryListener {
protected:
    void delivered(const Chunk &) override { delivered_++; }

    void start() {
        sink_ = std::make_unique<KafkaSink>(target_, *this);
        sink_->start({});
    }

    // One event in a chunk of its own; the sink holds the chunk from then on.
    bool offer(const std::string &topic = "orders") {
        std::string line = R"({"topic":")" + topic + R"(","key":"42","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":{"n":1}})";
        Memory memory(strdup(line.c_str()));
        std::string_view lines(memory.get(), line.size());
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

    bool start_and_deliver_one() {
        start();
        if (!offer_when_ready())
            return false;
        sink_->flush();
        return serve_until([this] { return delivered_ == 1; });
    }

    // What the relay does after a failure that goes on at once: a new sink, the same event again.
    void start_again_after_refusal() {
        try {
            serve_until([] { return false; });
            ADD_FAILURE() << "nothing was refused";
        } catch (const SinkFailure &failure) {
            EXPECT_TRUE(failure.at_once());
        }
        sink_.reset();
        EXPECT_EQ(budget_.used(), 0u);
        start();
        ASSERT_TRUE(offer_when_ready());
    }

    MockKafka kafka_{"orders", "payments", "outbox.dead-letter"};
    KafkaTarget target_{.brokers = kafka_.brokers(), .properties = {}};
    Budget budget_{1 << 20};
    int delivered_ = 0;
    std::unique_ptr<KafkaSink> sink_;
};

// Otherwise what comes while nobody has looked yet wakes nobody: the relay would read until its budget is exhausted, and sleep.
TEST_F(KafkaSinkTest, wakes_from_the_beginning) {
    start();
    pollfd wanted = sink_->wanted();
    EXPECT_EQ(poll(&wanted, 1, 0), 1);
    sink_->serve();
}

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

TEST_F(KafkaSinkTest, has_no_more_in_flight_than_told_and_then_goes_on) {
    target_.properties = {{"queue.buffering.max.messages", "2"}, {"linger.ms", "1000"}};
    ASSERT_TRUE(start_and_deliver_one());
    EXPECT_TRUE(offer());
    EXPECT_TRUE(offer());
    EXPECT_FALSE(offer());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 3; }));
    EXPECT_TRUE(offer());
}

// What an earlier session waited for: the relay would turn without a pause as soon as the sink is full.
TEST_F(KafkaSinkTest, does_not_wait_for_a_topic_that_nobody_asks_for_any_more) {
    target_.properties = {{"queue.buffering.max.messages", "1"}, {"linger.ms", "1000"}};
    kafka_.forbid("payments");
    ASSERT_TRUE(start_and_deliver_one());
    EXPECT_FALSE(offer("payments"));
    EXPECT_NE(sink_->retry_at(), Clock::time_point::max());
    EXPECT_TRUE(offer());
    EXPECT_FALSE(offer());
    EXPECT_EQ(sink_->retry_at(), Clock::time_point::max());
}

// The mock takes whatever comes next, as a partition does from a producer that it does not know.
TEST_F(KafkaSinkTest, loses_nothing_where_the_first_batch_fails_and_others_follow) {
    target_.properties = {{"batch.num.messages", "1"}, {"linger.ms", "0"}};
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    start();
    for (int i = 0; i < 5; i++)
        ASSERT_TRUE(offer_when_ready());
    EXPECT_TRUE(serve_until([this] { return delivered_ == 5; }));
    EXPECT_EQ(kafka_.size_of("orders"), 5);
}

// Also librdkafka 2.0.2's false ones: another producer has to go on, and nothing may be counted as delivered.
TEST_F(KafkaSinkTest, fails_on_a_fatal_error_and_a_new_one_goes_on) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
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

// What is not reported before the producer's end would count against the relay's memory for ever.
TEST_F(KafkaSinkTest, lets_go_of_everything_though_a_name_server_is_slow) {
    target_.properties = {{"broker.address.ttl", "0"}};
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.set_round_trip_ms(5000); // so that what is sent now has no answer yet
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(offer());
    sink_->flush();
    look_up_takes_ms = 2500;
    kafka_.go_down();
    ASSERT_TRUE(serve_until([] { return is_looking_up.load(); }));
    sink_.reset();
    look_up_takes_ms = 0;
    EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(KafkaSinkTest, takes_a_lone_refused_event_for_poison) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_THROW(serve_until([this] { return delivered_ == 2; }), SinkFailure);
    EXPECT_EQ(delivered_, 1);

    sink_.reset(); // the next one delivers what came before, and stops there
    start();
    EXPECT_THROW(offer_when_ready(), PoisonedEvent);
}

TEST_F(KafkaSinkTest, sends_smaller_batches_when_a_batch_is_refused) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_THROW(serve_until([this] { return delivered_ == 11; }), SinkFailure);
    EXPECT_GT(target_.batch_bytes, 0u);
    EXPECT_LT(target_.batch_bytes, 1000u);
}

TEST_F(KafkaSinkTest, retries_what_is_operational) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

// ---- dead letters ---------------------------------------------------------------------------------------------------

class KafkaSinkDeadLetter : public KafkaSinkTest, public testing::WithParamInterface<rd_kafka_resp_err_t> {
protected:
    void SetUp() override {
        target_.on_poison = OnPoison::dead_letter;
        start();
        ASSERT_TRUE(offer_when_ready());
        sink_->flush();
        ASSERT_TRUE(serve_until([this] { return delivered_ == 1; }));
    }

    int64_t orders() { return kafka_.size_of("orders"); }
    int64_t dead_letters() { return kafka_.size_of("outbox.dead-letter"); }
};

TEST_P(KafkaSinkDeadLetter, takes_the_place_of_a_refused_event) {
    kafka_.answer(MockKafka::produce, GetParam());
    ASSERT_TRUE(offer());
    start_again_after_refusal();
    EXPECT_EQ(delivered_, 1) << "before its dead letter is safe";
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
    EXPECT_EQ(dead_letters(), 1);
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(target_.set_aside_count, 1u);
    EXPECT_EQ(budget_.used(), 0u);
    ASSERT_TRUE(offer_when_ready()) << "it is for once";
    EXPECT_TRUE(serve_until([this] { return delivered_ == 3; }));
    EXPECT_EQ(orders(), 2);
}

INSTANTIATE_TEST_SUITE_P(, KafkaSinkDeadLetter,
                         testing::Values(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                         RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP),
                         [](const auto &info) { return std::string(rd_kafka_err2name(info.param)); });

// Such as one that is too large for the dead letters' topic, too.
TEST_F(KafkaSinkDeadLetter, goes_without_payload_where_it_is_refused_with_it_and_then_stops) {
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 2);
    ASSERT_TRUE(offer());
    start_again_after_refusal();
    start_again_after_refusal();
    EXPECT_TRUE(target_.set_aside.begin()->second.without_payload);
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
    EXPECT_EQ(dead_letters(), 1);

    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 3);
    ASSERT_TRUE(offer());
    start_again_after_refusal();
    start_again_after_refusal();
    EXPECT_THROW(serve_until([this] { return delivered_ == 3; }), SinkFailure);
    sink_.reset();
    start();
    EXPECT_THROW(offer_when_ready(), PoisonedEvent);
    EXPECT_EQ(delivered_, 2);
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(dead_letters(), 1);
}

// One error of operation is no reason to give up an event.
TEST_F(KafkaSinkDeadLetter, is_for_errors_of_content_only) {
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    ASSERT_TRUE(offer());
    EXPECT_THROW(serve_until([this] { return delivered_ == 2; }), SinkFailure);
    EXPECT_TRUE(target_.set_aside.empty());
    sink_.reset();
    start();
    ASSERT_TRUE(offer_when_ready());
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
    EXPECT_EQ(dead_letters(), 0);
    EXPECT_EQ(orders(), 2);
}

} // namespace
} // namespace outbox
