#include "relay/kafka/reachability.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using Time = Reachability::Time;
using std::chrono::seconds;
constexpr auto transport = RD_KAFKA_RESP_ERR__TRANSPORT;

std::string sentence_of(rd_kafka_resp_err_t error, const char *text) {
    Reachability kafka;
    kafka.note(error, text, Time{});
    return kafka.sentence();
}

TEST(Reachability, says_where_and_why) {
    EXPECT_EQ(sentence_of(transport,
                          "127.0.0.1:9999/bootstrap: Connect to ipv4#127.0.0.1:9999 failed: Connection refused (after 0ms in state "
                          "CONNECT, 1 identical error(s) suppressed)"),
              "Kafka cannot be reached at 127.0.0.1:9999: Connection refused");
    EXPECT_EQ(sentence_of(RD_KAFKA_RESP_ERR__RESOLVE,
                          "kafka:9092/bootstrap: Failed to resolve 'kafka:9092': Name or service not known (after 1ms in state CONNECT)"),
              "Kafka cannot be reached at kafka:9092: Failed to resolve 'kafka:9092': Name or service not known");
    EXPECT_EQ(sentence_of(RD_KAFKA_RESP_ERR__AUTHENTICATION,
                          "sasl_ssl://kafka:9093/1: SASL authentication error: Authentication failed: Invalid "
                          "username or password (after 307ms in state AUTH_REQ)"),
              "Kafka refuses the connection at kafka:9093: SASL authentication error: Authentication failed: Invalid username or password");
    EXPECT_EQ(sentence_of(RD_KAFKA_RESP_ERR__SSL,
                          "ssl://[::1]:9093/bootstrap: SSL handshake failed: certificate verify failed (after 3ms in "
                          "state SSL_HANDSHAKE)"),
              "Kafka refuses the connection at [::1]:9093: SSL handshake failed: certificate verify failed");
    EXPECT_EQ(sentence_of(transport, "TxnCoordinator: kafka:9092: Disconnected (after 3ms in state CONNECT)"),
              "Kafka cannot be reached at kafka:9092: Disconnected");
    EXPECT_EQ(
        sentence_of(RD_KAFKA_RESP_ERR__BAD_MSG,
                    "127.0.0.1:5432/bootstrap: Receive failed: Invalid response size 1157627904 (0..100000000): increase "
                    "receive.message.max.bytes (after 9ms in state APIVERSION_QUERY)"),
        "Kafka cannot be reached at 127.0.0.1:5432: what answers there is no Kafka broker, or one that expects TLS; see the port, and "
        "security.protocol");
    EXPECT_EQ(Reachability().sentence(), "Kafka cannot be reached");
    Reachability slow;
    slow.unanswered();
    EXPECT_EQ(slow.sentence(), "Kafka cannot be reached");
    slow.answered();
    slow.unanswered();
    EXPECT_EQ(slow.sentence(), "Kafka does not answer") << "though it has answered before, and the connection stands";
}

// With TLS on one side only, or without a client certificate under TLS 1.3, librdkafka reports an error of the transport.
TEST(Reachability, takes_the_wrong_protocol_for_a_refusal) {
    for (const char *text :
         {"127.0.0.1:1/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol configuration "
          "(connecting to a SSL listener?) or broker version is < 0.10 (see api.version.request) (after 1ms in state APIVERSION_QUERY)",
          "ssl://127.0.0.1:1/bootstrap: Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required (after 2ms in state "
          "APIVERSION_QUERY)"}) {
        Reachability kafka;
        kafka.note(transport, text, Time{});
        EXPECT_TRUE(kafka.is_refused()) << text;
        EXPECT_FALSE(kafka.is_refused_for_good(Time{})) << "a broker that starts may not know yet";
        EXPECT_TRUE(kafka.is_refused_for_good(Time{} + seconds(2)));
    }
}

// Where the broker has closed the connection, librdkafka 2.14 writes a line to its log and raises no error event.
TEST(Reachability, takes_a_first_request_without_TLS_that_is_closed_for_a_refusal) {
    const char *text = "127.0.0.1:1/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 29ms in state "
                       "APIVERSION_QUERY)";
    std::string line = std::string("[thrd:127.0.0.1:1/bootstrap]: ") + text;
    Reachability kafka;
    kafka.note_log(6, "STATE", line, Time{});
    kafka.note_log(3, "FAIL", line, Time{});
    EXPECT_FALSE(kafka.is_refused()) << "another facility, and a line that is an event, too";
    kafka.note_log(6, "FAIL", line, Time{});
    EXPECT_TRUE(kafka.is_refused());
    EXPECT_EQ(kafka.sentence(), "Kafka refuses the connection at 127.0.0.1:1: connection closed by peer: receive 0 after "
                                "POLLIN: a listener for TLS closes a connection without TLS like this; see security.protocol");
    Reachability with_tls;
    with_tls.note_log(6, "FAIL", std::string("[thrd:x]: ssl://") + text, Time{});
    EXPECT_FALSE(with_tls.is_refused());
    Reachability idle;
    idle.note_log(6, "FAIL", "[thrd:x]: a:1/1: Disconnected: connection closed by peer (after 1001ms in state UP)", Time{});
    EXPECT_EQ(idle.sentence(), "Kafka cannot be reached") << "a connection that stood";
}

TEST(Reachability, is_gone_when_no_broker_is_left) {
    Reachability kafka;
    kafka.note(transport, "a:1/1: Connect to ipv4#10.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)", Time{});
    EXPECT_FALSE(kafka.is_away()) << "another broker may be there";
    kafka.note(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "2/2 brokers are down", Time{});
    EXPECT_TRUE(kafka.is_away());
    EXPECT_FALSE(kafka.is_refused_for_good(Time{} + seconds(100))) << "it may come back by itself";
    kafka.answered();
    EXPECT_FALSE(kafka.is_away());
    EXPECT_TRUE(kafka.has_answered());
}

// Brokers close idle connections, and librdkafka has not tried to connect again.
TEST(Reachability, is_not_lost_with_an_idle_connection) {
    Reachability kafka;
    kafka.note(transport, "127.0.0.1:9092/1: Disconnected (after 5003ms in state UP)", Time{});
    kafka.note(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down", Time{});
    EXPECT_FALSE(kafka.is_away());
    kafka.note(transport, "127.0.0.1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
               Time{});
    EXPECT_TRUE(kafka.is_away()) << "somebody has tried";
}

TEST(Reachability, names_the_broker_that_refuses_rather_than_the_one_that_is_gone) {
    Reachability kafka;
    kafka.note(RD_KAFKA_RESP_ERR__SSL, "ssl://a:1/1: SSL handshake failed: expired (after 0ms in state SSL_HANDSHAKE)", Time{});
    kafka.note(transport, "ssl://b:1/2: Connect to ipv4#10.0.0.2:1 failed: Connection refused (after 0ms in state CONNECT)",
               Time{} + seconds(1));
    EXPECT_EQ(kafka.sentence(), "Kafka refuses the connection at a:1: SSL handshake failed: expired");
    EXPECT_TRUE(kafka.is_refused_for_good(Time{} + seconds(2)));
    kafka.note(transport, "ssl://a:1/1: Connect to ipv4#10.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
               Time{} + seconds(2));
    EXPECT_FALSE(kafka.is_refused()) << "the one that refused is gone as well";
}

} // namespace
} // namespace outbox
