// Which records of the state topic the reader accepts as positions, with librdkafka's mock cluster. test/t/ has real brokers.
#include "mock_kafka.h"

#include "relay/base/left_behind.h"
#include "relay/kafka/state_reader.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

class StateReaderTest : public testing::Test {
protected:
    static State state_at(uint64_t end) { return {{Lsn{end}, 0, true}, Lsn{end}, 1, ""}; }
    void put(const std::optional<std::string> &value, const char *id = nullptr) { kafka_.put("outbox.state", key_, value, id); }

    // Reads the topic to its end.
    std::unique_ptr<StateReader> read() {
        auto reader = std::make_unique<StateReader>(target_, key_);
        auto until = Clock::now() + std::chrono::seconds(20);
        while (!reader->advance() && Clock::now() < until) {
        }
        return reader;
    }
    Lsn position() {
        auto reader = read();
        reader->require_readable();
        return reader->state() ? reader->state()->position.end : Lsn{};
    }

    const std::string key_ = "outbox@7300000000000000001/app";
    MockKafka kafka_{"outbox.state"};
    KafkaTarget target_{.brokers = kafka_.brokers()};
};

TEST_F(StateReaderTest, takes_the_last_position_of_its_key) {
    EXPECT_EQ(position(), Lsn{});
    put(format_state(state_at(0x100)));
    put(format_state(state_at(0x200)));
    kafka_.put("outbox.state", "other@7300000000000000001/app", format_state(state_at(0x300)));
    EXPECT_EQ(position(), Lsn{0x200});
    put(std::nullopt);
    EXPECT_EQ(position(), Lsn{}) << "somebody has deleted it";
}

// Any role in a database with a relay to this Kafka can write an event to the state topic, with any key.
TEST_F(StateReaderTest, takes_no_event_for_a_position) {
    put(format_state(state_at(0x200)));
    for (const std::optional<std::string> &payload :
         {std::optional<std::string>("{}"), std::optional<std::string>(format_state(state_at(0x900))), std::optional<std::string>()}) {
        put(payload, "01a20c11-09d4-7b9d-95a5-000000000000");
        EXPECT_EQ(position(), Lsn{0x200}) << payload.value_or("a tombstone");
    }
    put("{}", "");
    EXPECT_EQ(position(), Lsn{0x200}) << "with an empty id, as a forged envelope may have it";
}

TEST_F(StateReaderTest, judges_the_last_record_only) {
    put("written by hand");
    put(format_state(state_at(0x200)));
    EXPECT_EQ(position(), Lsn{0x200});
    put(R"({"v":2,"position":"of a later version"})");
    EXPECT_THROW(position(), PositionRefused);
    EXPECT_EQ(read()->state()->position.end, Lsn{0x200}) << "what replaces it need not know it";
    put("{}", "01a20c11-09d4-7b9d-95a5-000000000000");
    EXPECT_THROW(position(), PositionRefused) << "an event replaces nothing";
    put(format_state(state_at(0x300)));
    EXPECT_EQ(position(), Lsn{0x300});
}

#if RD_KAFKA_VERSION >= 0x02030000 // see MockKafka::await()
// A reader that received by the partition's own queue would leave a client that never ends, in most of the rounds.
TEST_F(StateReaderTest, ends_although_its_topic_was_deleted) {
    target_.properties = {
        {"topic.metadata.refresh.interval.ms", "20"}, {"topic.metadata.propagation.max.ms", "0"}, {"fetch.wait.max.ms", "5"}};
    put(format_state(state_at(0x200)));
    for (int round = 0; round < 8; round++) {
        auto reader = read();
        kafka_.hide("outbox.state");
        EXPECT_TRUE(kafka_.await(MockKafka::metadata, 10)) << "the second request comes after the first answer";
        reader.reset();
        kafka_.show("outbox.state");
    }
    EXPECT_EQ(threads_left_behind.load(), 0);
}
#endif

} // namespace
} // namespace outbox
