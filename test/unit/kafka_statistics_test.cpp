#include "relay/kafka/statistics.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

constexpr const char *said = R"({"name":"rdkafka#producer-1","msg_cnt":7,"msg_size":900,"simple_cnt":0,"brokers":{
"127.0.0.1:9092/bootstrap":{"name":"x","nodeid":-1,"rtt":{"p50":9,"p99":9,"sum":9,"cnt":1},"throttle":{"max":0}},
"127.0.0.1:9092/1":{"name":"y","nodeid":1,"rtt":{"min":100,"p50":1500,"p99":2500,"sum":4000,"cnt":2},"throttle":{"min":0,"max":30},
"toppars":{"orders-0":{"topic":"orders","partition":0}}}},"topics":{"orders":{"msg_cnt":99}},"msg_cnt":99})";

TEST(Statistics, of_brokers_are_read) {
    auto figures = parse_statistics(said);
    ASSERT_TRUE(figures);
    EXPECT_EQ(figures->queue_events, 7u);
    EXPECT_EQ(figures->queue_bytes, 900u);
    ASSERT_EQ(figures->brokers.size(), 1u) << "a bootstrap address is no broker";
    const KafkaFigures::Broker &broker = figures->brokers.at(1);
    EXPECT_DOUBLE_EQ(broker.round_trip_p50_s, 0.0015);
    EXPECT_DOUBLE_EQ(broker.round_trip_p99_s, 0.0025);
    EXPECT_DOUBLE_EQ(broker.round_trip_sum_s, 0.004);
    EXPECT_EQ(broker.round_trips, 2u);
    EXPECT_DOUBLE_EQ(broker.throttle_s, 0.03);
}

TEST(Statistics, that_are_none_are_not_taken) {
    EXPECT_FALSE(parse_statistics(""));
    EXPECT_FALSE(parse_statistics(R"({"msg_cnt":)"));
    EXPECT_TRUE(parse_statistics("{}"));
}

TEST(Statistics, have_round_trips_of_all_windows) {
    SharedKafkaFigures shared;
    shared.set(*parse_statistics(said));
    shared.set(*parse_statistics(said));
    EXPECT_EQ(shared.get().brokers.at(1).round_trips, 4u);
    EXPECT_DOUBLE_EQ(shared.get().brokers.at(1).round_trip_sum_s, 0.008);
}

} // namespace
} // namespace outbox
