// One producer with librdkafka's mock cluster: handles of topics, and what the producer reports while Kafka is away.
#include "mock_kafka.h"

#include "relay/kafka/producer.h"
#include "relay/kafka/properties.h"

#include <gtest/gtest.h>
#include <sys/time.h>

static std::atomic<int> clock_ahead_s{0}; // the wall clock of gettimeofday() before it is set back

extern "C" int gettimeofday(timeval *__restrict time, void *__restrict) noexcept {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = {now.tv_sec + clock_ahead_s, now.tv_nsec / 1000};
    return 0;
}

namespace outbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class KafkaProducerTest : public testing::Test, public KafkaProducer::Listener {
protected:
    void reported(const rd_kafka_message_t &, rd_kafka_resp_err_t error) override {
        acknowledged_ += error == RD_KAFKA_RESP_ERR_NO_ERROR;
        unproven_ += error == RD_KAFKA_RESP_ERR__INCONSISTENT;
    }
    void producer_died(const std::string &reason) override { ADD_FAILURE() << reason; }
    void records_lost(const std::string &sentence) override { ADD_FAILURE() << sentence; }

    // A producer for whose topics the mock creates what is looked up.
    std::unique_ptr<KafkaProducer> make_producer() {
        return std::make_unique<KafkaProducer>(
            make_kafka_conf(kafka_.brokers(), {{"linger.ms", "0"}, {"allow.auto.create.topics", "true"}}), ends_,
            static_cast<KafkaProducer::Listener &>(*this));
    }
    static KafkaProducer::Outcome produce(KafkaProducer &producer, const std::string &topic) {
        static char value[] = "1";
        KafkaRecord record;
        record.topic = topic;
        record.value = value;
        record.value_size = 1;
        record.copies = true;
        record.headers.reset(rd_kafka_headers_new(1));
        return producer.produce(record, nullptr);
    }
    template <class Condition>
    bool serve_until(KafkaProducer &producer, Condition condition, seconds patience = seconds(60)) {
        for (auto until = Clock::now() + patience; Clock::now() < until; producer.serve(5))
            if (condition())
                return true;
        return false;
    }

    MockKafka kafka_{"orders"};
    LogEnds ends_;
    int acknowledged_ = 0, unproven_ = 0;
};

// Any number of topics: destroying a handle would free nothing.
TEST_F(KafkaProducerTest, needs_kafka_for_no_topic_that_it_has_known) {
    auto producer = make_producer();
    constexpr int topics = 1030;
    for (int i = 0; i < topics; i++)
        ASSERT_TRUE(serve_until(*producer, [&] { return produce(*producer, fmt::format("t{}", i)) == KafkaProducer::Outcome::taken; }));
    ASSERT_TRUE(serve_until(*producer, [&] { return acknowledged_ == topics; }));
    kafka_.go_down();
    for (int i : {1029, 500, 6, 5, 0})
        EXPECT_EQ(produce(*producer, fmt::format("t{}", i)), KafkaProducer::Outcome::taken) << i;
}

// The loop goes on with deliveries and PostgreSQL meanwhile.
TEST_F(KafkaProducerTest, does_not_wait_for_the_answer_of_a_lookup) {
    kafka_.set_round_trip_ms(1500);
    auto producer = make_producer();
    auto longest = milliseconds(0);
    ASSERT_TRUE(serve_until(*producer, [&] {
        auto before = Clock::now();
        bool is_taken = produce(*producer, "orders") == KafkaProducer::Outcome::taken;
        longest = std::max(longest, std::chrono::duration_cast<milliseconds>(Clock::now() - before));
        return is_taken;
    }));
    EXPECT_LT(longest, milliseconds(1400));
    pollfd wanted = producer->wanted();
    ASSERT_EQ(produce(*producer, "payments"), KafkaProducer::Outcome::busy);
    EXPECT_TRUE(producer->is_looking_up());
    producer->serve();
    EXPECT_EQ(producer->retry_at(), Clock::time_point::max());
    EXPECT_EQ(poll(&wanted, 1, 60000), 1) << "the answer wakes the loop";
    // A record that is still on its way would be purged with the producer, which librdkafka reports as a fatal error.
    EXPECT_TRUE(serve_until(*producer, [&] { return acknowledged_ == 1; }));
}

// librdkafka as it is distributed computes the end of a wait by gettimeofday().
TEST_F(KafkaProducerTest, does_not_wait_for_a_clock_that_is_set_back) {
    if (rd_kafka_version() != 0x020e02ff)
        GTEST_SKIP() << "packaging/librdkafka changes 2.14.2 only";
    kafka_.set_round_trip_ms(500);
    auto producer = make_producer();
    ASSERT_TRUE(serve_until(*producer, [&] { return produce(*producer, "orders") == KafkaProducer::Outcome::taken; }));
    clock_ahead_s = 20;
    auto before = Clock::now();
    producer->flush();
    clock_ahead_s = 0;
    EXPECT_LT(Clock::now() - before, seconds(10));
    EXPECT_TRUE(serve_until(*producer, [&] { return acknowledged_ == 1; }));
}

TEST_F(KafkaProducerTest, asks_for_all_topics_at_once_where_many_are_new) {
    constexpr int topics = 100;
    auto take_all = [&](KafkaProducer &producer) {
        for (int i = 0; i < topics; i++)
            ASSERT_TRUE(serve_until(producer, [&] { return produce(producer, fmt::format("t{}", i)) == KafkaProducer::Outcome::taken; }))
                << i;
    };
    auto maker = make_producer();
    take_all(*maker);
    ASSERT_TRUE(serve_until(*maker, [&] { return acknowledged_ == topics; }));
    kafka_.set_round_trip_ms(500);
    auto producer = make_producer();
    auto before = Clock::now();
    take_all(*producer);
    EXPECT_LT(Clock::now() - before, seconds(40)) << "one by one they take fifty";
    EXPECT_EQ(producer->topics(), topics);
    ASSERT_TRUE(serve_until(*producer, [&] { return acknowledged_ == 2 * topics; }));
}

// A topic that is not in the list of all topics may be hidden, or newer.
TEST_F(KafkaProducerTest, looks_up_by_itself_what_was_not_among_all_topics) {
    auto producer = make_producer();
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(serve_until(*producer, [&] { return produce(*producer, fmt::format("new{}", i)) == KafkaProducer::Outcome::taken; }))
            << i;
    ASSERT_TRUE(serve_until(*producer, [&] { return acknowledged_ == 10; }));
}

// A topic that is made anew between two batches: the broker does not have the topic when the first one comes, and accepts the second one.
TEST_F(KafkaProducerTest, does_not_believe_in_a_delivery_that_only_a_later_one_speaks_for) {
    auto producer = make_producer();
    ASSERT_TRUE(serve_until(*producer, [&] { return produce(*producer, "orders") == KafkaProducer::Outcome::taken; }));
    ASSERT_TRUE(serve_until(*producer, [&] { return acknowledged_ == 1; }));
    int64_t there = kafka_.size_of("orders");
    kafka_.set_round_trip_ms(300);
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    ASSERT_EQ(produce(*producer, "orders"), KafkaProducer::Outcome::taken);
    producer->flush();
    producer->serve(50); // the first batch is on its way
    ASSERT_EQ(produce(*producer, "orders"), KafkaProducer::Outcome::taken);
    ASSERT_TRUE(serve_until(*producer, [&] { return producer->in_flight() == 0; }));
    EXPECT_EQ(kafka_.size_of("orders") - there, acknowledged_ - 1);
    EXPECT_EQ(unproven_, 1);
}

TEST_F(KafkaProducerTest, has_nothing_to_say_while_nothing_waits) {
    auto producer = make_producer();
    ASSERT_TRUE(serve_until(*producer, [&] { return produce(*producer, "orders") == KafkaProducer::Outcome::taken; }));
    ASSERT_TRUE(serve_until(*producer, [&] { return acknowledged_ == 1; }));
    kafka_.go_down();
    serve_until(
        *producer, [&] { return producer->kafka().is_away(); }, seconds(3));
    EXPECT_FALSE(producer->is_a_matter());
    EXPECT_EQ(producer->serve_at(), Clock::time_point::max());
    ASSERT_EQ(produce(*producer, "orders"), KafkaProducer::Outcome::taken);
    ASSERT_TRUE(serve_until(*producer, [&] { return producer->kafka().is_away(); }));
    EXPECT_TRUE(producer->is_a_matter());
    EXPECT_NE(producer->kafka().sentence().find("at 127.0.0.1:"), std::string::npos) << producer->kafka().sentence();
    EXPECT_NE(producer->kafka().sentence().find(": Connection refused"), std::string::npos) << producer->kafka().sentence();
}

} // namespace
} // namespace outbox
