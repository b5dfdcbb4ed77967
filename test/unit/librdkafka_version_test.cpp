// Versions of librdkafka with known faults.
#include "relay/kafka/librdkafka_version.h"

#include <gtest/gtest.h>

#include <librdkafka/rdkafka.h>

namespace outbox {
namespace {

bool has(const std::string &text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(LibrdkafkaVersionTest, refuses_scram_before_2_6_1) {
    EXPECT_PRED2(has, librdkafka_refusal(0x020002ff, "SCRAM-SHA-512"), "librdkafka 2.0.2 cannot log in");
    EXPECT_PRED2(has, librdkafka_refusal(0x020600ff, "scram-sha-256"), "LIBRDKAFKA=pinned");
    EXPECT_PRED2(has, librdkafka_refusal(0x020601fe, " SCRAM-SHA-256"), "2.6.1 or newer") << "a candidate of 2.6.1";
    EXPECT_EQ(librdkafka_refusal(0x020601ff, "SCRAM-SHA-512"), "");
    EXPECT_EQ(librdkafka_refusal(0x020e02ff, "SCRAM-SHA-512"), "");
}

TEST(LibrdkafkaVersionTest, refuses_nothing_else_for_its_age) {
    for (const char *mechanisms : {"", " ", "PLAIN", "GSSAPI", "OAUTHBEARER"})
        EXPECT_EQ(librdkafka_refusal(0x020002ff, mechanisms), "") << mechanisms;
}

TEST(LibrdkafkaVersionTest, warns_of_what_can_crash) {
    for (unsigned version : {0x020400ff, 0x020600ff, 0x020800ff, 0x020a00fe})
        EXPECT_PRED2(has, librdkafka_risk(version), "can crash") << version;
    EXPECT_PRED2(has, librdkafka_risk(0x020800ff), "librdkafka 2.8.0 can crash");
    EXPECT_PRED2(has, librdkafka_risk(0x020800ff), "librdkafka 2.10.0 mends it");
    EXPECT_PRED2(has, librdkafka_risk(0x020800ff), "LIBRDKAFKA=pinned");
}

TEST(LibrdkafkaVersionTest, warns_of_the_mending_release_too) {
    EXPECT_PRED2(has, librdkafka_risk(0x020a00ff), "librdkafka#5088");
    EXPECT_EQ(librdkafka_risk(0x020a01ff), "");
}

TEST(LibrdkafkaVersionTest, knows_no_risk_of_what_it_has_never_seen) {
    EXPECT_EQ(librdkafka_risk(0x020002ff), "");
    EXPECT_EQ(librdkafka_risk(0x030000ff), "");
}

TEST(LibrdkafkaVersionTest, header_and_library_are_of_one_version) { EXPECT_EQ(rd_kafka_version(), RD_KAFKA_VERSION); }

} // namespace
} // namespace outbox
