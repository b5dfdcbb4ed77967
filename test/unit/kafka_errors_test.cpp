// What Kafka's error codes mean for a record.
#include "relay/kafka/errors.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(KafkaErrors, blame_the_content_the_topic_the_operation_or_are_unknown) {
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), Blame::content);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_INVALID_RECORD), Blame::content);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP), Blame::content);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION), Blame::topic);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), Blame::topic);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR__PURGE_QUEUE), Blame::operation);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS), Blame::operation);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_POLICY_VIOLATION), Blame::unknown);
    EXPECT_EQ(blame_of(RD_KAFKA_RESP_ERR_UNKNOWN), Blame::unknown);
    for (int code = 120; code < 1000; code++)
        EXPECT_EQ(blame_of(static_cast<rd_kafka_resp_err_t>(code)), Blame::unknown) << code;
}

} // namespace
} // namespace outbox
