#include "relay/kafka/absence.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class AbsenceTest : public testing::Test {
protected:
    AbsenceTest() {
        absence.heard(now);
        absence.spoke(now);
        absence.kafka().answered();
    }

    KafkaAbsence absence;
    Clock::time_point now = Clock::now();
};

TEST_F(AbsenceTest, librdkafka_is_silent_where_it_says_nothing_while_a_record_waits) {
    EXPECT_EQ(absence.silent_at(true), now + 15s);
    EXPECT_FALSE(absence.is_silent(true, now + 14s));
    EXPECT_TRUE(absence.is_silent(true, now + 15s));
    EXPECT_FALSE(absence.is_silent(true, now + 16s)) << "once";
    EXPECT_TRUE(absence.is_silent(true, now + 30s)) << "and again while it lasts";
}

TEST_F(AbsenceTest, librdkafka_that_reports_a_failed_connection_is_not_silent) {
    absence.spoke(now + 10s);
    EXPECT_FALSE(absence.is_silent(true, now + 20s));
    EXPECT_TRUE(absence.is_silent(true, now + 25s));
}

TEST_F(AbsenceTest, librdkafka_may_be_silent_while_nobody_waits) {
    EXPECT_EQ(absence.silent_at(false), Clock::time_point::max());
    EXPECT_FALSE(absence.is_silent(false, now + 1h));
    absence.heard(now + 1h); // a record begins to wait
    EXPECT_FALSE(absence.is_silent(true, now + 1h));
}

} // namespace
} // namespace outbox
