#include "relay/base/nearest.h"
#include "relay/config/values.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(ValuesTest, hosts) {
    for (const char *host :
         {"kafka", "kafka-1.example.com", "kafka.example.com.", "my_broker", "10.0.0.1", "127.1", "::1", "fe80::1%eth0", "1a.2b"})
        EXPECT_TRUE(is_host(host)) << host;
    for (const char *host : {"", ".", " ", "a b", "a\n", "a..b", "-x", "9092", "256.0.0.1", "1.2.3.4.5", "a/b", "u@h", "a:b",
                             "::1::", "bröker", "[::1]", "%eth0"})
        EXPECT_FALSE(is_host(host)) << host;
    EXPECT_TRUE(is_host(std::string(63, 'a')));
    EXPECT_FALSE(is_host(std::string(64, 'a')));
}

TEST(ValuesTest, brokers) {
    for (const char *brokers : {"kafka:9092", "kafka", "a:1,b:65535", "[::1]:9092", "[::1]", "10.0.0.1:9092,kafka-2"})
        EXPECT_EQ(check_brokers(brokers), "") << brokers;
    for (const char *brokers :
         {"",        " ",       ",",    "a:1,", ",a:1",  "a:1,,b:1", "a:1, b:1", "a:1\n", "a:1\nb:1", "a:0",        "a:65536",
          "a:",      "a:b",     "a:1 ", "a:+1", ":9092", "::1:9092", "[::1",     "[a]:1", "9092",     "http://a:1", "PLAINTEXT://a:1",
          "u:p@a:1", "a:1;b:1", "a:1/x"})
        EXPECT_NE(check_brokers(brokers), "") << brokers;
    EXPECT_NE(check_brokers("SASL_SSL://kafka:9092").find("security.protocol"), std::string::npos) << "where the scheme belongs";
    EXPECT_EQ(check_brokers("u:secret@a:1").find("secret"), std::string::npos);
}

TEST(ValuesTest, topics_of_the_relay) {
    EXPECT_EQ(check_topic("outbox.state"), "");
    EXPECT_EQ(check_topic("_state"), "");
    for (const char *topic : {"", ".", "..", "__consumer_offsets", "__x", "a b", "a/b", "ä"})
        EXPECT_NE(check_topic(topic), "") << topic;
    EXPECT_TRUE(is_same_topic("outbox.state", "outbox_state"));
    EXPECT_FALSE(is_same_topic("outbox.state", "outbox-state"));
    EXPECT_FALSE(is_same_topic("outbox.state", "outbox.states"));
}

TEST(ValuesTest, topics_of_events) {
    EXPECT_EQ(check_topics("orders,invoice.*,*"), "");
    for (const char *topics : {"", ",", "orders,", "a,,b", "a*b", "**", "orders, invoices", "__consumer_offsets", "__*"})
        EXPECT_NE(check_topics(topics), "") << topics;
}

TEST(ValuesTest, what_topics_are_called_in_kafka) {
    for (const char *text : {"outbox.event.{topic}", "{topic}", "{topic}.events", "_{topic}"})
        EXPECT_EQ(check_topic_template(text), "") << text;
    for (const char *text : {"orders", "{topic}{topic}", "a {topic}", "__{topic}", "{Topic}", "{topic", "a/{topic}", ""})
        EXPECT_NE(check_topic_template(text), "") << text;
    EXPECT_NE(check_topic_template(std::string(249, 'a') + "{topic}"), "");
    EXPECT_EQ(check_topic_template(std::string(248, 'a') + "{topic}"), "");
    EXPECT_EQ(check_topic_prefix("shop."), "");
    for (const char *text : {"__", "a b", "{topic}", "ä"})
        EXPECT_NE(check_topic_prefix(text), "") << text;
}

TEST(ValuesTest, uris) {
    for (const char *text : {"/", "/shop/orders", "https://shop.example/a?b=c#d", "urn:shop:orders", "orders", "/a%20b"})
        EXPECT_EQ(check_uri(text), "") << text;
    for (const char *text : {"", "/a b", "/a\"b", "/a%2", "/a%zz", "/ä", "a\nb", "<a>"})
        EXPECT_NE(check_uri(text), "") << text;
    EXPECT_NE(check_uri(std::string(1001, 'a')), "");
}

TEST(ValuesTest, blanks) {
    for (const char *text : {"", " ", "\t\r\n", "\x01"})
        EXPECT_TRUE(is_blank(text));
    EXPECT_FALSE(is_blank(" x "));
    EXPECT_EQ(printable("a\nb\x1b[0m\xc3\xa4"), "a?b?[0m??");
}

TEST(ValuesTest, variables_that_kubernetes_sets) {
    EXPECT_TRUE(is_service_link("OUTBOX_SERVICE_HOST", "10.0.0.1"));
    EXPECT_TRUE(is_service_link("OUTBOX_RELAY_SERVICE_PORT_HTTP", "8090"));
    EXPECT_TRUE(is_service_link("OUTBOX_PORT", "tcp://10.0.0.1:8090"));
    EXPECT_TRUE(is_service_link("OUTBOX_PORT_8090_TCP_ADDR", "10.0.0.1"));
    EXPECT_FALSE(is_service_link("OUTBOX_PORT", "8090"));
    EXPECT_FALSE(is_service_link("OUTBOX_PORT_NAME", "x"));
    EXPECT_FALSE(is_service_link("OUTBOX_BROKER", "kafka:9092"));
}

TEST(ValuesTest, the_nearest_name) {
    std::vector<std::string> known = {"OUTBOX_DSN", "OUTBOX_SLOT", "OUTBOX_BROKERS", "OUTBOX_PROPERTY", "OUTBOX_PROPERTY_FILE"};
    EXPECT_EQ(nearest("OUTBOX_BROKER", known), "OUTBOX_BROKERS");
    EXPECT_EQ(nearest("OUTBOX_SLTO", known), "OUTBOX_SLOT");
    EXPECT_EQ(nearest("OUTBOX_PROPERTYFILE", known), "OUTBOX_PROPERTY_FILE");
    EXPECT_EQ(nearest("OUTBOX_DSN", known), "OUTBOX_DSN");
}

TEST(Endpoint, is_a_host_and_a_port) {
    auto parsed = [](const char *text) {
        auto endpoint = parse_endpoint(text);
        return endpoint ? endpoint->host + " " + std::to_string(endpoint->port) : "none";
    };
    EXPECT_EQ(parsed("127.0.0.1:8090"), "127.0.0.1 8090");
    EXPECT_EQ(parsed("localhost:0"), "localhost 0");
    EXPECT_EQ(parsed("[::1]:65535"), "::1 65535");
    for (const char *wrong : {"", ":", "8090", ":8090", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1",
                              "localhost:80 ", "::1:8090", "[]:8090", "[::1]", "[::1:8090", "http://localhost:8090"})
        EXPECT_EQ(parsed(wrong), "none") << wrong;
}

} // namespace
} // namespace outbox
