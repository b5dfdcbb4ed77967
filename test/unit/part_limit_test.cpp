// How many events go in one Kafka transaction to a slow Kafka.
#include "relay/core/part_limit.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using std::chrono::seconds;

class PartLimitTest : public testing::Test {
protected:
    void time_out(size_t events, size_t accepted) {
        limit_.began(now_);
        now_ += seconds(30);
        limit_.timed_out(events, accepted, now_);
    }
    void commit(size_t events, int took_s) {
        limit_.began(now_);
        now_ += seconds(took_s);
        limit_.committed(events, now_);
    }

    PartLimit::Time now_{std::chrono::hours(1)};
    PartLimit limit_;
};

TEST_F(PartLimitTest, is_none_as_long_as_kafka_is_fast) {
    EXPECT_EQ(limit_.limit(), PartLimit::everything);
    commit(50000, 29);
    EXPECT_EQ(limit_.limit(), PartLimit::everything);
}

TEST_F(PartLimitTest, is_half_of_what_kafka_has_accepted_in_that_time) {
    time_out(50000, 9000);
    EXPECT_EQ(limit_.limit(), 4500u);
    time_out(4500, 1);
    EXPECT_EQ(limit_.limit(), 1u) << "one event is always tried";
}

TEST_F(PartLimitTest, is_an_eighth_where_kafka_has_accepted_nothing) {
    time_out(800, 0);
    EXPECT_EQ(limit_.limit(), 100u);
    time_out(100, 0);
    EXPECT_EQ(limit_.limit(), 12u);
}

TEST_F(PartLimitTest, grows_again_where_kafka_is_faster) {
    time_out(50000, 2000);
    commit(1000, 16);
    EXPECT_EQ(limit_.limit(), 1000u) << "more would take nearly as long as before";
    commit(10, 1);
    EXPECT_EQ(limit_.limit(), 1000u) << "a small one says nothing about large ones";
    commit(1000, 1);
    EXPECT_EQ(limit_.limit(), 1501u);
    for (int i = 0; i < 20 && limit_.limit() != PartLimit::everything; i++)
        commit(limit_.limit(), 1);
    EXPECT_EQ(limit_.limit(), PartLimit::everything);
}

} // namespace
} // namespace outbox
