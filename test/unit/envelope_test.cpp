#include "relay/core/decode.h"
#include "relay/core/plugin_dialect.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>

namespace outbox {
namespace {

const std::string full = R"({"topic":"orders","key":"42","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","type":"order.created",)"
                         R"("headers":{"traceparent":"00-4b","x":"a\"b"},"payload":{"item":"Macbook"}})";

TEST(Event, has_all_its_members) {
    Event event = parse_event(full);
    EXPECT_EQ(event.line, full);
    EXPECT_EQ(event.topic, "orders");
    EXPECT_EQ(event.key, "42");
    EXPECT_EQ(event.id, "01a20c11-09d4-7b9d-95a5-66f7b2170e7a");
    EXPECT_EQ(event.type, "order.created");
    EXPECT_EQ(event.payload_kind, PayloadKind::json);
    EXPECT_EQ(event.payload, R"({"item":"Macbook"})");
}

TEST(Event, may_lack_all_but_topic_and_id) {
    Event event = parse_event(R"({"topic":"t","id":"x"})");
    EXPECT_EQ(event.key, std::nullopt);
    EXPECT_TRUE(event.type.empty());
    EXPECT_TRUE(event.headers.empty());
    EXPECT_EQ(event.payload_kind, PayloadKind::none);
}

TEST(Event, tells_an_empty_key_from_none_and_empty_bytes_from_a_tombstone) {
    EXPECT_EQ(parse_event(R"({"topic":"t","key":"","id":"x"})").key, "");
    Event event = parse_event(R"({"topic":"t","id":"x","payload_base64":""})");
    EXPECT_EQ(event.payload_kind, PayloadKind::base64);
    EXPECT_TRUE(event.payload.empty());
}

TEST(Event, is_not_misled_by_what_its_strings_say) {
    Event event = parse_event(R"({"topic":"t","key":"\",\"id\":\"forged\\","id":"x","payload":"\"}"})");
    EXPECT_EQ(event.key, R"(\",\"id\":\"forged\\)");
    EXPECT_EQ(event.id, "x");
    EXPECT_EQ(event.payload, R"("\"}")");
}

TEST(Event, cut_off_anywhere_before_its_payload_is_an_error) {
    size_t payload = full.find("\"payload\"");
    for (size_t size = 0; size < payload + strlen("\"payload\":"); size++)
        EXPECT_THROW(parse_event(full.substr(0, size)), FormatError) << size;
}

TEST(Headers, come_one_by_one_in_their_order) {
    std::string_view headers = parse_event(full).headers;
    auto first = next_header(headers);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->name, "traceparent");
    EXPECT_EQ(first->value, "00-4b");
    auto second = next_header(headers);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->value, R"(a\"b)");
    EXPECT_FALSE(next_header(headers));
}

TEST(Headers, may_be_bytes) {
    std::string_view headers = parse_event(R"({"topic":"t","key":"k","id":"x","headers":{"a":{"base64":"AP8="},"b":"{"}})").headers;
    auto bytes = next_header(headers);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(bytes->name, "a");
    EXPECT_EQ(bytes->value, "AP8=");
    EXPECT_TRUE(bytes->is_base64);
    auto text = next_header(headers);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->value, "{");
    EXPECT_FALSE(text->is_base64);
    EXPECT_FALSE(next_header(headers));
    for (const char *value :
         {R"({"base64":"AP8=","more":""})", R"({"base64":1})", R"({"base65":""})", R"({})", R"({"base64":"AP8=")", "[]"})
        EXPECT_THROW(parse_event(R"({"topic":"t","key":"k","id":"x","headers":{"a":)" + std::string(value) + "}}"), FormatError) << value;
}

TEST(Unescape, gives_the_text_that_a_string_stands_for) {
    std::string scratch;
    EXPECT_EQ(unescape("plain", scratch), "plain");
    EXPECT_EQ(unescape(R"(a\"\\\/\b\f\n\r\tz)", scratch), "a\"\\/\b\f\n\r\tz");
    EXPECT_EQ(unescape(R"(\u0041\u00e9\u20AC\ud83d\ude00)", scratch), "A\u00e9\u20ac\U0001F600");
    EXPECT_EQ(unescape(R"(\u0000)", scratch), std::string_view("\0", 1));
    EXPECT_EQ(unescape(R"(\u001F)", scratch), "\x1f");
}

TEST(Unescape, of_a_broken_escape_is_an_error) {
    std::string scratch;
    for (const char *text : {"\\", "\\x", "\\u", "\\u12", "\\u12g4", "\\ud800", "\\ud800x", "\\ud800\\u0041", "\\udc00", "\\ud800\\u"})
        EXPECT_THROW(unescape(text, scratch), FormatError) << text;
}

TEST(Base64, is_decoded_in_place) {
    auto decode = [](std::string text) {
        text.resize(decode_base64(text.data(), text.size()));
        return text;
    };
    EXPECT_EQ(decode(""), "");
    EXPECT_EQ(decode("Zg=="), "f");
    EXPECT_EQ(decode("Zm8="), "fo");
    EXPECT_EQ(decode("Zm9v"), "foo");
    EXPECT_EQ(decode("Zm9vYmFy"), "foobar");
    EXPECT_EQ(decode("+/8A"), std::string("\xfb\xff\0", 3));
    for (const char *text : {"Z", "Zg=", "Z===", "Zm9v====", "Zm 9", "=m9v"})
        EXPECT_THROW(decode(text), FormatError) << text;
}

// Any bytes give a parsed line or a FormatError. The test changes one to eight bytes of valid lines.
TEST(Parser, survives_any_line) {
    const char *given = getenv("SEED");
    uint32_t seed = given != nullptr ? static_cast<uint32_t>(strtoul(given, nullptr, 10)) : std::random_device()();
    std::cout << "SEED=" << seed << std::endl;
    std::mt19937 random(seed);
    const std::string lines[] = {full,
                                 R"({"begin":"0/16B3748","xid":742,"ts":"2026-11-23T09:42:00.123456Z"})",
                                 R"({"commit":"1/A","events":10})",
                                 R"({"rejected":"0/1","reason":"x"})",
                                 R"({"ahead":true})",
                                 R"({"topic":"t","key":"\u0041\"","id":"x","headers":{"a":{"base64":"AP8="}},"payload_base64":"Zm9v"})"};
    std::string scratch;
    for (int i = 0; i < 200000; i++) {
        std::string line = lines[random() % std::size(lines)];
        for (uint32_t changes = 1 + random() % 8; changes > 0; changes--)
            line[random() % line.size()] = "{}\":,\\u0/xZ"[random() % 11];
        line.resize(line.size() - random() % 3);
        try {
            switch (kind_of(line)) {
            case LineKind::begin: parse_begin(line); break;
            case LineKind::commit: parse_commit(line); break;
            case LineKind::rejected: parse_rejected(line); break;
            case LineKind::ahead: parse_ahead(line); break;
            case LineKind::envelope:
                Event event = parse_event(line);
                unescape(event.key.value_or(""), scratch);
                for (std::string_view headers = event.headers; auto header = next_header(headers);)
                    unescape(header->value, scratch);
                if (std::string payload(event.payload); event.payload_kind == PayloadKind::base64)
                    decode_base64(payload.data(), payload.size());
            }
        } catch (const FormatError &) {
        }
    }
}

} // namespace
} // namespace outbox
