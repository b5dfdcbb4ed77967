#include "relay/config/protection.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(Protection, what_stays_on_this_machine_is_no_risk) {
    EXPECT_EQ(postgres_risk("disable", true), "");
    EXPECT_EQ(kafka_risk("127.0.0.1:9092,[::1]:9092,localhost", {}), "");
    EXPECT_EQ(kafka_risk("", {}), "") << "standard output";
}

TEST(Protection, postgresql_is_encrypted_and_checked_or_it_is_said) {
    EXPECT_EQ(postgres_risk("verify-full", false), "");
    EXPECT_NE(postgres_risk("require", false).find("nobody checks which server answers"), std::string::npos);
    for (const char *sslmode : {"disable", "allow", "prefer"})
        EXPECT_NE(postgres_risk(sslmode, false).find("plain text"), std::string::npos) << sslmode;
}

TEST(Protection, kafka_is_encrypted_and_checked_or_it_is_said) {
    EXPECT_NE(kafka_risk("127.0.0.1:9092,kafka:9092", {}).find("plain text"), std::string::npos);
    EXPECT_NE(kafka_risk("[::1]:9092,[fe80::1]:9092", {}).find("plain text"), std::string::npos);
    EXPECT_NE(kafka_risk("kafka", {{"security.protocol", "SASL_PLAINTEXT"}}).find("the login as well"), std::string::npos);
    EXPECT_EQ(kafka_risk("kafka", {{"security.protocol", "plaintext"}, {"security.protocol", "SSL"}}), "") << "the last one counts";
    EXPECT_NE(kafka_risk("kafka", {{"security.protocol", "ssl"}, {"enable.ssl.certificate.verification", "false"}}).find("nobody checks"),
              std::string::npos);
    EXPECT_NE(kafka_risk("kafka", {{"security.protocol", "ssl"}, {"ssl.endpoint.identification.algorithm", "none"}}).find("nobody checks"),
              std::string::npos);
}

} // namespace
} // namespace outbox
