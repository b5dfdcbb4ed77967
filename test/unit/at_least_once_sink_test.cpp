// The at-least-once sink with librdkafka's mock cluster, for faults that a test cannot cause in a real broker.
// at_least_once_refusals_test.cpp has refused events, test/t/ everything else.
#include "lone_sink.h"
#include "mock_kafka.h"
#include "starved_threads.h"

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>

namespace {

std::atomic<int> look_up_takes_ms{0};
std::atomic<bool> is_looking_up{false};

} // namespace

// librdkafka's threads call the function for names before each connection, and do nothing else meanwhile.
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

class AtLeastOnceSinkTest : public LoneSink {
protected:
    // True once an event waits for its linger's end although the sink is told to flush. The thread that ended the linger of an event before
    // may still be at it, and then the event is delivered, and another is offered.
    bool lingers() {
        return serve_until([this] {
            if (!sink_->empty())
                return false;
            int before = delivered_;
            EXPECT_TRUE(offer());
            sink_->flush();
            std::this_thread::sleep_for(std::chrono::milliseconds(300)); // nothing tells of a request that is not sent
            sink_->serve();
            return delivered_ == before;
        });
    }
};

// Otherwise reports that come before the first poll wake nobody: the relay would read until its memory is full, and sleep.
TEST_F(AtLeastOnceSinkTest, wakes_from_the_beginning) {
    start();
    pollfd wanted = sink_->wanted();
    EXPECT_EQ(poll(&wanted, 1, 0), 1);
    sink_->serve();
}

TEST_F(AtLeastOnceSinkTest, reports_what_is_delivered_and_lets_go_of_it) {
    start();
    ASSERT_TRUE(offer_when_ready());
    EXPECT_FALSE(sink_->empty());
    EXPECT_GT(budget_.used(), 0u);
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 1; }));
    EXPECT_TRUE(sink_->empty());
    EXPECT_EQ(budget_.used(), 0u);
}

// librdkafka frees no topic; only a new producer starts without topics.
TEST_F(AtLeastOnceSinkTest, makes_another_producer_where_one_knows_too_many_topics) {
    target_.properties = {{"allow.auto.create.topics", "true"}};
    target_.many_topics = 2;
    target_.topics_max = 3;
    start();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 8; i++)
            ASSERT_TRUE(deliver_to("t" + std::to_string(i))) << i;
    EXPECT_EQ(delivered_, 16);
    EXPECT_TRUE(target_.learned.has_many_topics);
    EXPECT_EQ(kafka_.size_of("t0"), 2);
    EXPECT_EQ(kafka_.size_of("t7"), 2);
}

TEST_F(AtLeastOnceSinkTest, has_no_more_in_flight_than_told_and_then_goes_on) {
    target_.properties = {{"queue.buffering.max.messages", "2"}, {"linger.ms", "1000"}};
    ASSERT_TRUE(start_and_deliver_one());
    EXPECT_TRUE(offer());
    EXPECT_TRUE(offer());
    EXPECT_FALSE(offer());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 3; }));
    EXPECT_TRUE(offer());
}

TEST_F(AtLeastOnceSinkTest, ends_the_linger_only_while_there_is_room) {
    target_.properties = {{"linger.ms", "300000"}}; // longer than serve_until() waits
    ASSERT_TRUE(start_and_deliver_one());
    budget_.take(1 << 20);
    EXPECT_TRUE(lingers());
    sink_->hurry();
    EXPECT_TRUE(serve_until([this] { return sink_->empty(); }));
    EXPECT_TRUE(lingers());
    budget_.give_back(1 << 20);
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return sink_->empty(); }));
    EXPECT_EQ(static_cast<uint64_t>(delivered_), taken_);
}

// The thread of the broker must see that the linger ends, and sees it only while librdkafka is told so.
TEST_F(AtLeastOnceSinkTest, ends_a_long_linger_though_librdkafka_is_late) {
    target_.properties = {{"linger.ms", "300000"}}; // longer than serve_until() waits
    ASSERT_TRUE(start_and_deliver_one());
    std::set<int> threads = threads_named("rdk:broker1");
    ASSERT_FALSE(threads.empty());
    StarvedThreads starved(threads);
    for (int i = 0; i < 10; i++) { // a thread that has slept may get a processor at once
        ASSERT_TRUE(offer());
        sink_->flush();
        ASSERT_TRUE(serve_until([this] { return sink_->empty(); })) << i;
    }
}

// Otherwise memory would have no bound while one partition has no leader and the others take all.
TEST_F(AtLeastOnceSinkTest, counts_the_events_behind_one_that_waits) {
    target_.properties = {{"retry.backoff.ms", "3000"}};
#if RD_KAFKA_VERSION >= 0x02030000 // before, no pause became longer
    target_.properties.push_back({"retry.backoff.max.ms", "3000"});
#endif
    ASSERT_TRUE(start_and_deliver_one());
    ASSERT_TRUE(deliver_to("payments"));
    kafka_.answer_one(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    ASSERT_TRUE(offer("payments"));
    size_t used = budget_.used();
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return kafka_.is_answered(MockKafka::produce); }));
    for (int i = 0; i < 1000; i++)
        ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    ASSERT_TRUE(serve_until([this] { return delivered_ == 1002; }));
    EXPECT_EQ(budget_.used(), used + 1000 * sizeof(Entry));
    EXPECT_TRUE(serve_until([this] { return sink_->empty(); }));
    EXPECT_EQ(budget_.used(), 0u);

    ASSERT_TRUE(offer("payments"));
    ASSERT_TRUE(offer());
    sink_.reset();
    EXPECT_EQ(budget_.used(), 0u);
}

// The wish of an earlier session must end with it, or the relay would turn without a pause as soon as the sink is full.
TEST_F(AtLeastOnceSinkTest, does_not_wait_for_a_topic_that_nobody_asks_for_any_more) {
    target_.properties = {{"queue.buffering.max.messages", "1"}, {"linger.ms", "1000"}};
    kafka_.forbid("payments");
    ASSERT_TRUE(start_and_deliver_one());
    ASSERT_TRUE(serve_until([&] { return !offer("payments") && sink_->retry_at() != Clock::time_point::max(); }));
    EXPECT_TRUE(offer());
    EXPECT_FALSE(offer());
    EXPECT_EQ(sink_->retry_at(), Clock::time_point::max());
}

// The mock accepts any next batch, as a partition does from a producer that it does not know.
TEST_F(AtLeastOnceSinkTest, loses_nothing_where_the_first_batch_fails_and_others_follow) {
    target_.properties = {{"batch.num.messages", "1"}, {"linger.ms", "0"}};
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    start();
    for (int i = 0; i < 5; i++)
        ASSERT_TRUE(offer_when_ready());
    EXPECT_TRUE(serve_until([this] { return delivered_ == 5; }));
    EXPECT_EQ(kafka_.size_of("orders"), 5);
}

// Also the false fatal errors of librdkafka 2.0.2: a new producer has to go on, and no event counts as delivered.
class AtLeastOnceFatalError : public AtLeastOnceSinkTest {
protected:
    void a_new_sink_goes_on() {
        EXPECT_EQ(delivered_, 1);
        sink_.reset();
        taken_ = 1;
        EXPECT_EQ(budget_.used(), 0u) << "a dead producer holds on to memory";
        start();
        ASSERT_TRUE(offer_when_ready());
        sink_->flush();
        EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
    }
};

// The error may come while the events are offered.
TEST_F(AtLeastOnceFatalError, ends_the_sink_that_is_served) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    EXPECT_THROW(deliver(10), SinkFailure);
    a_new_sink_goes_on();
}

TEST_F(AtLeastOnceFatalError, ends_the_sink_that_is_offered_more) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    ASSERT_TRUE(offer());
    sink_->flush();
    auto offer_without_serving = [this] {
        for (auto until = Clock::now() + patience; Clock::now() < until && offer();)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    EXPECT_THROW(offer_without_serving(), SinkFailure);
    a_new_sink_goes_on();
}

// An event without a report before the producer's end would count against the relay's memory for ever.
TEST_F(AtLeastOnceSinkTest, lets_go_of_everything_though_a_name_server_is_slow) {
    target_.properties = {{"broker.address.ttl", "0"}};
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.set_round_trip_ms(5000); // so that records that are sent now have no answer yet
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

TEST_F(AtLeastOnceSinkTest, retries_what_is_operational) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

// ---- topics that are not for events --------------------------------------------------------------------------------

TEST_F(AtLeastOnceSinkTest, rejects_events_for_topics_of_kafka_and_of_the_relay) {
    ASSERT_TRUE(start_and_deliver_one());
    for (const char *topic : {"outbox.state", "outbox.dead-letter", "__consumer_offsets", "__anything"}) {
        EXPECT_FALSE(offer(topic));
        EXPECT_EQ(answer_, Offer::rejected) << topic;
    }
    target_.state_topic = "another";
    EXPECT_FALSE(offer("another"));
    EXPECT_EQ(answer_, Offer::rejected);
    EXPECT_TRUE(sink_->empty());
    EXPECT_TRUE(deliver(1));
}

// ---- old backlogs ---------------------------------------------------------------------------------------------------

// The partitions forget the producer at once, and accept any first batch: the second one, where the first is refused for a moment. The mock
// does the same. In librdkafka an acknowledgement of the second batch counts for the first, and so the first would be lost.
TEST_F(AtLeastOnceSinkTest, has_one_batch_of_old_events_on_the_way) {
    target_.properties = {{"batch.num.messages", "1"}, {"linger.ms", "0"}};
    commit_time_ms_ = now_ms() - 13 * 3600 * 1000;
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.set_round_trip_ms(50);
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    for (int i = 0; i < 5; i++)
        ASSERT_TRUE(offer_when_ready());
    EXPECT_TRUE(serve_until([this] { return delivered_ == 6; }));
    EXPECT_EQ(orders(), 6);
}

} // namespace
} // namespace outbox
