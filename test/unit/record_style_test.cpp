#include "relay/kafka/record_style.h"
#include "relay/kafka/target.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

std::string json(std::string_view text) {
    std::string out;
    append_json_string(text, out);
    return out;
}

TEST(RecordStyle, a_topic_keeps_its_name_by_default) {
    std::string scratch, name = "orders";
    std::string_view found = RecordStyle().topic(name, scratch);
    EXPECT_EQ(found.data(), name.data()) << "not even copied";
    EXPECT_EQ(found, "orders");
}

TEST(RecordStyle, a_template_has_the_topic_in_it) {
    std::string scratch;
    RecordStyle style;
    style.set_topic_template("outbox.event.{topic}");
    EXPECT_EQ(style.topic("orders", scratch), "outbox.event.orders");
    style.set_topic_template("a.{topic}.events");
    EXPECT_EQ(style.topic("orders", scratch), "a.orders.events");
    style.set_topic_template("{topic}");
    EXPECT_EQ(style.topic("orders", scratch), "orders");
}

TEST(RecordStyle, it_is_the_name_in_Kafka_that_must_not_be_the_relays_own) {
    KafkaTarget target{.state_topic = "outbox.state"};
    EXPECT_TRUE(target.is_reserved("outbox.state"));
    EXPECT_FALSE(target.is_reserved("state"));
    target.style.set_topic_template("outbox.{topic}");
    EXPECT_FALSE(target.is_reserved("outbox.state"));
    EXPECT_TRUE(target.is_reserved("state"));
    EXPECT_TRUE(target.is_reserved("dead-letter"));
    target.style.set_topic_template("_{topic}");
    EXPECT_TRUE(target.is_reserved("_x"));
    EXPECT_FALSE(target.is_reserved("x"));
}

TEST(RecordStyle, a_key_as_a_JSON_string_has_the_bytes_of_Debeziums_converter) {
    EXPECT_EQ(json("42"), R"("42")");
    EXPECT_EQ(json(""), R"("")");
    EXPECT_EQ(json("a\"b\\c/d"), R"("a\"b\\c/d")");
    EXPECT_EQ(json("\b\t\n\f\r"), R"("\b\t\n\f\r")");
    EXPECT_EQ(json(std::string("\0\x0b\x1f\x7f", 4)), "\"\\u0000\\u000B\\u001F\x7f\"");
    EXPECT_EQ(json("Größe 鍵"), "\"Größe 鍵\"");
    EXPECT_EQ(json("a😀b\U00010000\U0010FFFF"), R"("a\uD83D\uDE00b\uD800\uDC00\uDBFF\uDFFF")");
    EXPECT_EQ(json("\xf0\x9f"), "\"\xf0\x9f\"") << "whatever comes";
}

} // namespace
} // namespace outbox
