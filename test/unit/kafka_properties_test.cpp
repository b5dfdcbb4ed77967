#include "relay/kafka/librdkafka_version.h"
#include "relay/kafka/properties.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace outbox {
namespace {

std::string value_of(const KafkaConf &conf, const char *property) {
    char value[256];
    size_t size = sizeof(value);
    return rd_kafka_conf_get(conf.get(), property, value, &size) == RD_KAFKA_CONF_OK ? value : "?";
}

template <class Check>
std::string refusal_by(Check check) {
    try {
        check();
        return "";
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
}

std::string refusal(const std::vector<KafkaProperty> &properties) {
    return refusal_by([&] { make_kafka_conf("localhost", properties); });
}

TEST(KafkaProperties, keep_the_delivery_guarantee_without_being_asked) {
    KafkaConf conf = make_kafka_conf("localhost:9092", {});
    EXPECT_EQ(value_of(conf, "bootstrap.servers"), "localhost:9092");
    EXPECT_EQ(value_of(conf, "enable.idempotence"), "true");
    EXPECT_EQ(value_of(conf, "enable.gapless.guarantee"), "true");
    EXPECT_EQ(value_of(conf, "max.in.flight.requests.per.connection"), "5");
    EXPECT_EQ(value_of(conf, "acks"), "-1");
    EXPECT_EQ(value_of(conf, "message.timeout.ms"), "0");
    EXPECT_EQ(value_of(conf, "partitioner"), "murmur2_random");
}

TEST(KafkaProperties, pass_through) {
    KafkaConf conf = make_kafka_conf("localhost", {{"linger.ms", "7"}, {"compression.type", "lz4"}});
    EXPECT_EQ(value_of(conf, "linger.ms"), "7");
    EXPECT_EQ(value_of(conf, "compression.type"), "lz4");
}

TEST(KafkaProperties, bound_the_events_in_flight_but_not_those_of_a_kafka_transaction) {
    EXPECT_EQ(value_of(make_kafka_conf("localhost", {}), "queue.buffering.max.messages"), "1000000");
    EXPECT_EQ(value_of(make_transactional_conf("localhost", {}, "id"), "queue.buffering.max.messages"), "1000000");
    EXPECT_EQ(value_of(make_transactional_conf("localhost", {{"queue.buffering.max.messages", "7"}}, "id"), "queue.buffering.max.messages"),
              "7");
}

TEST(KafkaProperties, that_do_not_exist_are_refused_with_the_nearest_one) {
    EXPECT_NE(refusal({{"linger.mss", "7"}}).find("\"linger.mss\" is not a property of librdkafka "), std::string::npos);
    EXPECT_TRUE(refusal({{"linger.mss", "7"}}).ends_with("; the nearest that is: linger.ms")) << refusal({{"linger.mss", "7"}});
    EXPECT_TRUE(refusal({{"sasl.pasword", "x"}}).ends_with(": sasl.password"));         // without a value by default
    EXPECT_TRUE(refusal({{"compresion.type", "lz4"}}).ends_with(": compression.type")); // an alias
    EXPECT_TRUE(refusal({{"partitionr", "x"}}).ends_with(": partitioner"));             // of topics
}

TEST(KafkaProperties, that_are_locked_are_refused_by_name_with_the_reason) {
    for (const char *property : {"enable.idempotence", "acks", "request.required.acks", "message.timeout.ms", "delivery.timeout.ms",
                                 "max.in.flight", "max.in.flight.requests.per.connection", "partitioner", "retries", "bootstrap.servers",
                                 "test.mock.num.brokers", "enabled_events", "queue.buffering.max.kbytes"}) {
        std::string reason = refusal({{property, "1"}});
        EXPECT_NE(reason.find(property), std::string::npos) << property;
        EXPECT_NE(reason.find("locked"), std::string::npos) << property;
    }
}

TEST(KafkaProperties, that_are_wrong_are_refused_without_a_secret) {
    EXPECT_NE(refusal({{"no.such.property", "1"}}).find("no.such.property"), std::string::npos);
    EXPECT_NE(refusal({{"linger.ms", "soon"}}).find("linger.ms"), std::string::npos);
    EXPECT_EQ(refusal({{"ssl.key.pem", "canary"}}).find("canary"), std::string::npos);
}

TEST(KafkaProperties, that_librdkafka_refuses_only_in_a_client_are_refused_by_name) {
    auto refusal = [](const KafkaProperty &property, bool exactly_once) {
        return refusal_by([&] { check_kafka_properties({property}, exactly_once); });
    };
    EXPECT_EQ(refusal({"linger.ms", "7"}, false), "");
    EXPECT_EQ(refusal({"linger.ms", "7"}, true), "");
    EXPECT_NE(refusal({"reconnect.backoff.ms", "3000"}, false).find("reconnect.backoff"), std::string::npos);
    EXPECT_EQ(refusal({"transaction.timeout.ms", "5000"}, false), "");
    EXPECT_NE(refusal({"transaction.timeout.ms", "5000"}, true).find("transaction.timeout.ms"), std::string::npos);
    EXPECT_NE(refusal({"fetch.max.bytes", "1000"}, true).find("fetch.max.bytes"), std::string::npos) << "the consumer's";
}

TEST(KafkaProperties, are_written_as_property_and_value) {
    EXPECT_EQ(parse_kafka_property("a.b=c=d"), KafkaProperty("a.b", "c=d"));
    EXPECT_EQ(parse_kafka_property("a.b="), KafkaProperty("a.b", ""));
    EXPECT_THROW(parse_kafka_property("a.b"), std::invalid_argument);
    EXPECT_THROW(parse_kafka_property("=x"), std::invalid_argument);
}

TEST(KafkaProperties, come_from_a_file_line_by_line) {
    std::string path = testing::TempDir() + "kafka_properties_test";
    std::ofstream(path) << "# a comment\n\n sasl.username = me \nlinger.ms=1\r\n";
    auto properties = read_kafka_property_file(path);
    EXPECT_EQ(properties, (std::vector<KafkaProperty>{{"sasl.username", "me"}, {"linger.ms", "1"}}));
    std::ofstream(path) << "sasl.password\n";
    EXPECT_THROW(read_kafka_property_file(path), std::invalid_argument);
    remove(path.c_str());
    EXPECT_THROW(read_kafka_property_file(path), std::invalid_argument);
}

TEST(KafkaProperties, know_what_is_secret) {
    for (const char *property : {"sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"})
        EXPECT_TRUE(is_secret(property)) << property;
    EXPECT_FALSE(is_secret("sasl.username"));
    EXPECT_FALSE(is_secret("linger.ms"));
}

TEST(KafkaProperties, know_what_a_login_lacks) {
    auto refusal = [](std::vector<KafkaProperty> properties) -> std::string {
        try {
            check_kafka_properties(properties, false);
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
        return "";
    };
    const KafkaProperty protocol{"security.protocol", "SASL_SSL"}, plain{"sasl.mechanisms", "PLAIN"},
        scram{"sasl.mechanism", "SCRAM-SHA-512"}, bearer{"sasl.mechanisms", "OAUTHBEARER"}, user{"sasl.username", "relay"},
        password{"sasl.password", "secret"};
    EXPECT_EQ(refusal({protocol, plain, user, password}), "");
    EXPECT_NE(refusal({protocol, plain, password}).find("sasl.username"), std::string::npos);
    EXPECT_NE(refusal({protocol, scram, user}).find("sasl.password"), std::string::npos);
    EXPECT_NE(refusal({protocol, scram, user, password, {"sasl.password", ""}}).find("sasl.password"), std::string::npos);
    EXPECT_NE(refusal({protocol, bearer}).find("sasl.oauthbearer.method=oidc"), std::string::npos);
    EXPECT_EQ(refusal({protocol, bearer, {"enable.sasl.oauthbearer.unsecure.jwt", "true"}}), "");
}

TEST(KafkaProperties, scram_needs_a_library_that_can_log_in) {
    std::vector<KafkaProperty> properties{
        {"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", "SCRAM-SHA-512"}, {"sasl.username", "u"}, {"sasl.password", "p"}};
    std::string said;
    try {
        check_kafka_properties(properties, false);
    } catch (const std::invalid_argument &error) {
        said = error.what();
    }
    EXPECT_EQ(said, librdkafka_refusal(rd_kafka_version(), "SCRAM-SHA-512"));
    properties[0].second = "PLAINTEXT";
    EXPECT_NO_THROW(check_kafka_properties(properties, false)) << "nobody logs in";
}

} // namespace
} // namespace outbox
