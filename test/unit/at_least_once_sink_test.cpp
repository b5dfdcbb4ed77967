// The Kafka sink against librdkafka's mock cluster, for the faults that a real broker cannot be asked to show. All else: test/t/.
#include "mock_kafka.h"
#include "relay/kafka/at_least_once_sink.h"

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

class AtLeastOnceSinkTest : public testing::Test, public DeliveryListener {
protected:
    void delivered(const Chunk &) override { delivered_++; }

    void start() {
        sink_ = std::make_unique<AtLeastOnceSink>(target_, *this);
        sink_->start({});
    }

    // One event in a chunk of its own; the sink holds the chunk from then on. All are of one transaction.
    bool offer(const std::string &topic = "orders") {
        std::string line = R"({"topic":")" + topic + R"(","key":")" + key_ + R"(","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":)" +
                           payload_ + "}";
        Memory memory(strdup(line.c_str()));
        std::string_view lines(memory.get(), line.size());
        Chunk::Pointer chunk = Chunk::create(std::move(memory), lines, 0, budget_);
        chunk->set_transaction(0, Lsn{0x100});
        Event event = parse_event(lines);
        event.ordinal = taken_ + 1;
        answer_ = sink_->offer({Lsn{0x100}, Lsn{0x100}, commit_time_ms_}, event, *chunk);
        taken_ += answer_ == Offer::taken;
        return answer_ == Offer::taken;
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

    bool deliver(int events) {
        for (int i = 0; i < events; i++)
            if (!offer_when_ready())
                return false;
        sink_->flush();
        return serve_until([this] { return sink_->empty(); });
    }

    bool deliver_to(const std::string &topic) {
        if (!serve_until([&] { return offer(topic); }))
            return false;
        sink_->flush();
        return serve_until([this] { return sink_->empty(); });
    }

    // What Kafka says when it has refused an event, and nothing can stand for it.
    std::string poison() {
        try {
            serve_until([] { return false; });
        } catch (const PoisonedEvent &poisoned) {
            return poisoned.what();
        }
        ADD_FAILURE() << "nothing was refused";
        return "";
    }

    int64_t orders() { return kafka_.size_of("orders"); }
    int64_t dead_letters() { return kafka_.size_of("outbox.dead-letter"); }

    MockKafka kafka_{"orders", "payments", "outbox.dead-letter"};
    KafkaTarget target_{.brokers = kafka_.brokers(), .properties = {}};
    Budget budget_{1 << 20};
    int delivered_ = 0;
    uint64_t taken_ = 0;
    Offer answer_{};
    std::string key_ = "42", payload_ = R"({"n":1})";
    int64_t commit_time_ms_ = now_ms();
    std::unique_ptr<AtLeastOnceSink> sink_;
};

// Otherwise what comes while nobody has looked yet wakes nobody: the relay would read until its budget is exhausted, and sleep.
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

// What an earlier session waited for: the relay would turn without a pause as soon as the sink is full.
TEST_F(AtLeastOnceSinkTest, does_not_wait_for_a_topic_that_nobody_asks_for_any_more) {
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
TEST_F(AtLeastOnceSinkTest, loses_nothing_where_the_first_batch_fails_and_others_follow) {
    target_.properties = {{"batch.num.messages", "1"}, {"linger.ms", "0"}};
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    start();
    for (int i = 0; i < 5; i++)
        ASSERT_TRUE(offer_when_ready());
    EXPECT_TRUE(serve_until([this] { return delivered_ == 5; }));
    EXPECT_EQ(kafka_.size_of("orders"), 5);
}

// Also librdkafka 2.0.2's false ones: another producer has to go on, and nothing may be counted as delivered.
TEST_F(AtLeastOnceSinkTest, fails_on_a_fatal_error_and_a_new_one_goes_on) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_THROW(serve_until([this] { return delivered_ == 11; }), SinkFailure);
    EXPECT_EQ(delivered_, 1);

    sink_.reset();
    taken_ = 1;
    EXPECT_EQ(budget_.used(), 0u) << "a dead producer holds on to memory";
    start();
    ASSERT_TRUE(offer_when_ready());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

// What is not reported before the producer's end would count against the relay's memory for ever.
TEST_F(AtLeastOnceSinkTest, lets_go_of_everything_though_a_name_server_is_slow) {
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

TEST_F(AtLeastOnceSinkTest, takes_a_lone_refused_event_for_poison) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ASSERT_TRUE(offer());
    sink_->flush();
    std::string text = poison();
    EXPECT_EQ(delivered_, 1);
    EXPECT_TRUE(sink_->empty()) << "the relay would wait for what is never delivered";
    for (const char *part : {"01a20c11-09d4-7b9d-95a5-66f7b2170e7a", "topic \"orders\"", "0/100", "outbox-relay skip --id", "dead-letter"})
        EXPECT_NE(text.find(part), std::string::npos) << text;

    sink_.reset(); // the next session tries it again
    EXPECT_EQ(budget_.used(), 0u);
    start();
    taken_--;
    EXPECT_TRUE(deliver(1));
}

TEST_F(AtLeastOnceSinkTest, delivers_all_the_others_once_when_a_batch_is_refused) {
    target_.properties = {{"linger.ms", "1000"}}; // so that they are one batch
    ASSERT_TRUE(start_and_deliver_one());
    for (auto error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
                       static_cast<rd_kafka_resp_err_t>(200)}) {
        SCOPED_TRACE(static_cast<int>(error));
        sink_.reset(); // which may still be examining
        target_.size_limits = {};
        start();
        ASSERT_TRUE(deliver(1)); // the first record to a partition goes alone
        auto before = orders();
        kafka_.answer(MockKafka::produce, error);
        ASSERT_TRUE(deliver(10));
        EXPECT_EQ(orders(), before + 10) << "of which none was to blame";
    }
    EXPECT_EQ(delivered_, 45);
    EXPECT_EQ(target_.set_aside_count, 0u);
}

TEST_F(AtLeastOnceSinkTest, retries_what_is_operational) {
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

// ---- events that wait -----------------------------------------------------------------------------------------------

// A topic that may be looked at but not written to, or Kafka's own: nothing else is repeated for it.
TEST_F(AtLeastOnceSinkTest, waits_for_a_topic_and_names_the_event) {
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

// Codes that nobody knows today: an event that is refused alone again and again is to blame. Once is not enough.
TEST_F(AtLeastOnceSinkTest, takes_an_unknown_error_that_stays_for_a_refusal) {
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
TEST_F(AtLeastOnceSinkTest, waits_for_nothing_of_a_session_that_has_ended) {
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

// Where a clock is wrong, every event would be.
TEST_F(AtLeastOnceSinkTest, waits_for_the_clocks) {
    ASSERT_TRUE(start_and_deliver_one());
    commit_time_ms_ += 125 * 60 * 1000;
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 3);
    ASSERT_TRUE(offer());
    sink_->flush();
    EXPECT_TRUE(serve_until([this] { return !sink_->waiting_for().empty(); }));
    EXPECT_NE(sink_->waiting_for().find("PostgreSQL's clock is 124 minutes ahead"), std::string::npos) << sink_->waiting_for();
    EXPECT_TRUE(serve_until([this] { return delivered_ == 2; }));
}

// ---- topics that are none for events --------------------------------------------------------------------------------

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

// The partitions forget the producer at once, and take whatever batch comes first: the second one, where the first is refused for a moment.
// The mock takes them so. An acknowledgement of the second counts for the first in librdkafka, and so the first would be lost.
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

// ---- dead letters ---------------------------------------------------------------------------------------------------

class AtLeastOnceSinkDeadLetter : public AtLeastOnceSinkTest, public testing::WithParamInterface<rd_kafka_resp_err_t> {
protected:
    void SetUp() override {
        target_.on_poison = OnPoison::dead_letter;
        ASSERT_TRUE(start_and_deliver_one());
    }
};

TEST_P(AtLeastOnceSinkDeadLetter, takes_the_place_of_a_refused_event) {
    kafka_.answer(MockKafka::produce, GetParam());
    ASSERT_TRUE(deliver(1));
    EXPECT_EQ(delivered_, 2);
    EXPECT_EQ(dead_letters(), 1);
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(target_.set_aside_count, 1u);
    EXPECT_EQ(target_.quarantine.size(), 0u);
    EXPECT_EQ(budget_.used(), 0u);
    target_.size_limits = {}; // the limit has been raised
    ASSERT_TRUE(deliver(1)) << "the same id at another position";
    EXPECT_EQ(orders(), 2);
}

INSTANTIATE_TEST_SUITE_P(, AtLeastOnceSinkDeadLetter,
                         testing::Values(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                         RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP),
                         [](const auto &info) { return std::string(rd_kafka_err2name(info.param)); });

// What is as large as a record that Kafka has refused need not be tried.
TEST_F(AtLeastOnceSinkDeadLetter, takes_the_place_of_all_that_are_as_large) {
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    ASSERT_TRUE(deliver(1));
    ASSERT_TRUE(deliver(3));
    EXPECT_EQ(delivered_, 5);
    EXPECT_EQ(dead_letters(), 4);
    EXPECT_EQ(orders(), 1);
    ASSERT_TRUE(deliver_to("payments")) << "of another topic nothing is known";
    EXPECT_EQ(kafka_.size_of("payments"), 1);
}

// Their sizes in a batch are not known.
TEST_F(AtLeastOnceSinkTest, tries_each_record_where_they_are_compressed) {
    target_.on_poison = OnPoison::dead_letter;
    target_.properties = {{"compression.type", "lz4"}};
    ASSERT_TRUE(start_and_deliver_one());
    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    ASSERT_TRUE(deliver(1));
    ASSERT_TRUE(deliver(1));
    EXPECT_EQ(dead_letters(), 1);
    EXPECT_EQ(orders(), 2);
}

// Such as one that is too large for the dead letters' topic, too.
TEST_F(AtLeastOnceSinkDeadLetter, leaves_out_payload_then_key_and_headers_and_then_stops) {
    key_ = std::string(1000, 'k'); // larger than the digests that stand for them
    payload_ = '"' + std::string(1000, 'p') + '"';
    for (size_t refusals : {2, 3}) {
        kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, refusals);
        ASSERT_TRUE(deliver(1)) << refusals;
        target_.size_limits = {}; // the mock refuses what it is told to, whatever the size
    }
    EXPECT_EQ(delivered_, 3);
    EXPECT_EQ(dead_letters(), 2);

    kafka_.answer(MockKafka::produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 4);
    ASSERT_TRUE(offer());
    sink_->flush();
    std::string text = poison();
    EXPECT_NE(text.find("Raise max.message.bytes of topic \"outbox.dead-letter\""), std::string::npos) << text;
    EXPECT_EQ(text.find("--on-poison"), std::string::npos) << "which is in force: " << text;
    EXPECT_EQ(delivered_, 3);
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(dead_letters(), 2);
}

// The letter has the time of now, so a clock is what Kafka refuses.
TEST_F(AtLeastOnceSinkDeadLetter, waits_for_the_clocks_where_its_own_time_is_refused) {
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
