#include "relay/core/log_ends.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

struct Ends {
    LogEnds ends;
    std::optional<int64_t> acknowledged(int64_t offset, int32_t partition = 0, const char *topic = "orders") {
        return ends.of(topic).acknowledged(partition, offset, ends.period());
    }
};

TEST(LogEnds, offsets_that_grow_are_as_they_should_be) {
    Ends log;
    for (int64_t offset : {0, 1, 5, 100}) {
        EXPECT_EQ(log.acknowledged(offset), std::nullopt);
        log.ends.end_period();
    }
    EXPECT_EQ(log.acknowledged(0, 1), std::nullopt) << "another partition";
    EXPECT_EQ(log.acknowledged(0, 0, "payments"), std::nullopt) << "another topic";
}

TEST(LogEnds, a_record_that_was_sent_later_has_a_lower_offset_only_where_records_were_lost) {
    Ends log;
    log.acknowledged(7);
    log.ends.end_period();
    EXPECT_EQ(log.acknowledged(7), 7) << "in the place of the last one";
    log.ends.end_period();
    EXPECT_EQ(log.acknowledged(8), std::nullopt) << "is said once";
    log.ends.end_period();
    EXPECT_EQ(log.acknowledged(0), 8);
    EXPECT_EQ(log.acknowledged(1), std::nullopt);
}

TEST(LogEnds, acknowledgements_of_one_period_come_in_any_order) {
    Ends log;
    log.acknowledged(3);
    log.ends.end_period();
    EXPECT_EQ(log.acknowledged(9), std::nullopt);
    EXPECT_EQ(log.acknowledged(4), std::nullopt) << "sent before 9 was acknowledged";
    log.ends.end_period();
    EXPECT_EQ(log.acknowledged(9), 9);
}

TEST(LogEnds, a_partition_that_rests_is_remembered) {
    Ends log;
    log.acknowledged(3);
    for (int period = 0; period < 5; period++)
        log.ends.end_period();
    EXPECT_EQ(log.acknowledged(2), 3);
}

TEST(LogEnds, a_topic_that_was_gone_may_begin_anew) {
    Ends log;
    LogEnds::Topic &topic = log.ends.of("orders");
    log.acknowledged(3);
    log.ends.end_period();
    log.ends.gone("orders");
    EXPECT_EQ(log.acknowledged(0), std::nullopt);
    EXPECT_EQ(&topic, &log.ends.of("orders"));
}

} // namespace
} // namespace outbox
