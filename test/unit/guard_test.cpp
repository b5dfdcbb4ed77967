#include "outbox_ext/contract/guard.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

const char delivered[] = "delivered";

// Copies the message into memory of its exact size, so that a sanitizer finds a read beyond it.
std::string verdict(std::string_view message, size_t head_max = envelope_head_max) {
    std::unique_ptr<char[]> copy(new char[message.size()]);
    memcpy(copy.get(), message.data(), message.size());
    Text topic = {nullptr, 0};
    const char *reason = guard_reject(copy.get(), message.size(), head_max, &topic);
    if (reason != nullptr)
        return reason;
    EXPECT_EQ(message.substr(10, topic.size), std::string_view(topic.data, topic.size)); // after {"topic":"
    return delivered;
}

struct Forgery {
    std::string topic = R"("t")", key = R"("k")", id = R"("01930000-0000-7000-8000-000000000000")", rest = "";
    std::string message() const { return R"({"topic":)" + topic + R"(,"key":)" + key + R"(,"id":)" + id + rest + "}"; }
};
std::string with_topic(const std::string &topic) { return verdict(Forgery{.topic = topic}.message()); }
std::string with_key(const std::string &key) { return verdict(Forgery{.key = key}.message()); }
std::string with_id(const std::string &id) { return verdict(Forgery{.id = id}.message()); }
std::string with_rest(const std::string &rest) { return verdict(Forgery{.rest = rest}.message()); }

std::string repeated(std::string_view text, int times) {
    std::string all;
    while (times-- > 0)
        all += text;
    return all;
}

// Envelopes in every form that emit writes.
const std::vector<std::string> envelopes = {
    R"({"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000"})",
    R"({"topic":"t","key":"","id":"01930000-0000-7000-8000-000000000000","payload":null})",
    R"({"topic":"t","id":"01930000-0000-7000-8000-000000000000","payload":42})",
    R"({"topic":"t","id":"01930000-0000-7000-8000-000000000000","payload_base64":""})",
    R"({"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000","type":"y","payload_base64":"YWI="})",
    R"({"topic":"t","key":"\"\\\b\f\n\r\t\u0001\u001F","id":"01930000-0000-7000-8000-000000000000","headers":{"":"","a":"b"},"payload":{"a":[{}]}})",
    R"({"topic":"t","key":"\u000b\u000e\u000f\u0005\u001f","id":"01930000-0000-7000-8000-000000000000","payload":"\u0000\u001f\u001F"})",
    R"({"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000","type":"y","headers":{"a":"b"},"payload":"}"})",
    R"({"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000","type":"y","headers":{"a":"b"}})",
    "{\"topic\":\"t\",\"key\":\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\x7F\",\"id\":\"01930000-0000-7000-8000-000000000000\"}",
};

TEST(Guard, lets_through_every_shape_that_emit_writes) {
    for (const std::string &envelope : envelopes)
        EXPECT_EQ(verdict(envelope), delivered) << envelope;
}

TEST(Guard, rejects_an_envelope_cut_off_after_any_byte) {
    for (const std::string &envelope : envelopes)
        for (size_t size = 0; size < envelope.size(); size++)
            EXPECT_NE(verdict(envelope.substr(0, size)), delivered) << envelope.substr(0, size);
}

TEST(Guard, rejects_an_envelope_with_more_behind_it) {
    for (const std::string &envelope : envelopes)
        for (const char *more : {" ", "}", "{", "x", ",\"more\":1}"})
            EXPECT_NE(verdict(envelope + more), delivered) << envelope << more;
}

TEST(Guard, lets_through_nothing_with_a_line_feed_nul_or_broken_character_in_it) {
    for (const std::string &envelope : envelopes)
        for (size_t at = 0; at <= envelope.size(); at++) {
            auto with = [&](const std::string &piece) { return std::string(envelope).insert(at, piece); };
            ASSERT_EQ(verdict(with("\n")), "more than one line") << at;
            for (const std::string &bytes : {std::string(1, '\0'), std::string("\xFF"), std::string("\xC0\x80"),
                                             std::string("\xED\xA0\x80"), std::string("\xF4\x90\x80\x80")})
                ASSERT_EQ(verdict(with(bytes)), "not valid UTF-8") << at;
            ASSERT_NE(verdict(with("\r")), delivered) << at;
        }
}

TEST(Guard, rejects_what_is_not_even_nearly_an_envelope) {
    for (const std::string &message :
         {std::string(), std::string(" "), std::string("x"), std::string("null"), std::string("{}"), std::string("[]"), std::string("{"),
          std::string("\""), std::string(R"({"begin":"0/1","xid":1,"ts":""})"), std::string(R"({"commit":"0/1","events":1})"),
          repeated("{", 100'000), std::string("\x01")})
        EXPECT_EQ(verdict(message), "not an envelope") << message.substr(0, 40);
}

TEST(Guard, rejects_a_topic_that_kafka_does_not_take) {
    for (const char *topic : {R"("")", R"(".")", R"("..")", R"("a b")", R"("a\u0062")"})
        EXPECT_NE(with_topic(topic), delivered) << topic;
    EXPECT_EQ(with_topic('"' + std::string(249, 't') + '"'), delivered);
    EXPECT_EQ(with_topic('"' + std::string(250, 't') + '"'), "the topic's name is invalid");
    for (const char *topic : {R"("a\")", "1", "null", R"("t","topic":"u")"})
        EXPECT_NE(with_topic(topic), delivered) << topic;
}

TEST(Guard, rejects_a_key_that_is_no_string_as_emit_writes_it) {
    for (const std::string &key : std::vector<std::string>{"1",
                                                           "null",
                                                           "k",
                                                           R"("\)",
                                                           R"("\x")",
                                                           R"("\u00")",
                                                           R"("\u00zz")",
                                                           R"("\u0041")",
                                                           R"("\/")",
                                                           R"("\u0000")",
                                                           R"("\u0008")",
                                                           R"("\u0009")",
                                                           R"("\u000a")",
                                                           R"("\u000C")",
                                                           R"("\u000d")",
                                                           R"("\u0022")",
                                                           R"("\u001f\u001F")",
                                                           R"("\ud800")",
                                                           R"("\udc00")",
                                                           R"("\ud83d\ude00")",
                                                           "\"\x01\"",
                                                           "\"\t\""})
        EXPECT_EQ(with_key(key), "the key is not a string") << key;
    EXPECT_NE(with_key(R"("k","key":"l")"), delivered);
}

TEST(Guard, rejects_an_id_that_is_no_uuid) {
    for (const char *id : {R"("")", "null", R"("01930000-0000-7000-8000-00000000000")", R"("01930000-0000-7000-8000-0000000000000")",
                           R"("01930000-0000-7000-8000-00000000000g")", R"("01930000-0000-7000-8000-00000000000A")",
                           R"("01930000000070008000000000000000----")"})
        EXPECT_EQ(with_id(id), "the id is missing or not a UUID") << id;
    EXPECT_EQ(verdict(R"({"topic":"t","key":"k"})"), "the id is missing or not a UUID");
    EXPECT_EQ(verdict(R"({"topic":"t","id":"01930000-0000-7000-8000-000000000000"})"), "neither a key nor a payload");
}

TEST(Guard, lets_through_headers_of_bytes) {
    for (const char *value : {R"({"base64":""})", R"({"base64":"YQ=="})", R"({"base64":"AAECAw=="})", R"({"base64":"+/8A"})"})
        EXPECT_EQ(with_rest(std::string(R"(,"headers":{"a":"b","c":)") + value + R"(,"d":""})"), delivered) << value;
}

TEST(Guard, rejects_headers_that_are_no_object_of_strings) {
    for (const char *headers : {R"({"a"})", R"({"a":1})", R"({"a":"b",})", R"({"a":{"b":"c"}})", R"({"a": "b"})", "{}"})
        EXPECT_EQ(with_rest(std::string(R"(,"headers":)") + headers), "headers are not an object of strings") << headers;
    for (const char *value : {R"({})", R"({"base64":1})", R"({"base64":"YQ"})", R"({"base64":"YR=="})", R"({"base64":"Y\nQ=="})",
                              R"({"base64":"","a":"b"})", R"({"base64": ""})"})
        EXPECT_EQ(with_rest(std::string(R"(,"headers":{"a":)") + value + "}"), "headers are not an object of strings") << value;
    for (const char *headers : {"null", R"({"a":"b")"})
        EXPECT_EQ(with_rest(std::string(R"(,"headers":)") + headers), "not an envelope") << headers;
    for (const char *headers : {R"({"a":"b","a":"c"})", R"({"b":"","a":"b","":"","a":"b"})"})
        EXPECT_EQ(with_rest(std::string(R"(,"headers":)") + headers), "a header is there twice") << headers;
    for (const char *headers : {R"({"id":"x"})", R"({"a":"b","type":"x"})"})
        EXPECT_EQ(with_rest(std::string(R"(,"headers":)") + headers), "a header has a reserved name") << headers;
    for (const char *name : {R"(\u0069d)", R"(i\u0064)", R"(typ\u0065)"}) // the reserved names, with escapes
        EXPECT_NE(with_rest(std::string(R"(,"headers":{")") + name + R"(":"x"})"), delivered) << name;
}

TEST(Guard, lets_through_a_thousand_headers_and_not_one_more) {
    std::string headers;
    for (int n = 1; n <= envelope_headers_max; n++)
        headers += (n > 1 ? ",\"" : "\"") + std::to_string(n) + "\":\"\"";
    EXPECT_EQ(with_rest(",\"headers\":{" + headers + "}"), delivered);
    EXPECT_EQ(with_rest(",\"headers\":{" + headers + ",\"more\":\"\"}"), "more than 1000 headers");
}

TEST(Guard, rejects_a_payload_that_is_no_json) {
    for (const std::string &payload : {std::string(), std::string("{"), std::string("1 2"), std::string("01"), std::string("NaN"),
                                       std::string(R"("\ud800")"), std::string(R"("\udc00")"), std::string(R"(1,"payload":2)"),
                                       std::string(R"(1,"more":2)"), repeated("[", 513) + repeated("]", 513), repeated("[", 100'000)})
        EXPECT_EQ(with_rest(",\"payload\":" + payload), "the payload is not valid JSON") << payload.substr(0, 40);
}

TEST(Guard, rejects_a_payload_in_another_form_than_emit_gives_it) {
    for (const char *payload : {" 1", "1 ", "{\r\"a\":1}", "[1, 2]", R"("\u0041")", R"("\/")", R"("\u000a")", R"("\u007f")"})
        EXPECT_EQ(with_rest(std::string(",\"payload\":") + payload), "the payload has white space or escapes that emit does not write")
            << payload;
}

TEST(Guard, rejects_bytes_that_are_no_base64) {
    for (const char *base64 :
         {"1", R"("YWJ=")", R"("YR==")", R"("a")", R"("ab=")", R"("a===")", R"("====")", R"("ab=c")", R"("ab-_")", R"("\u0061bcd")"})
        EXPECT_EQ(with_rest(std::string(",\"payload_base64\":") + base64), "the payload is not valid base64") << base64;
    EXPECT_NE(with_rest(R"(,"payload_base64":"abcd","payload":1)"), delivered);
}

TEST(Guard, rejects_other_members_and_another_order) {
    for (const char *rest : {R"(,"type":1)", R"(,"type":null)", R"(,"type":"\ud800")"})
        EXPECT_EQ(with_rest(rest), "the type is not a string") << rest;
    for (const char *rest : {R"(,"more":1)", R"(, "type":"y")", R"(,"headers":{"a":"b"},"type":"y")", " ", "}"})
        EXPECT_EQ(with_rest(rest), "not an envelope") << rest;
}

TEST(Guard, bounds_the_size_of_the_head) {
    const std::string type =
        ",\"type\":\"" + std::string(envelope_head_max - Forgery{.rest = ",\"type\":\"\""}.message().size() + 1, 'x') + '"';
    EXPECT_EQ(with_rest(type + ",\"payload\":1"), delivered);
    EXPECT_EQ(with_rest(type.substr(0, type.size() - 1) + "x\",\"payload\":1"), "the key, type and headers are too large");
    EXPECT_EQ(verdict(envelopes[0], 10), "the key, type and headers are too large");
}

TEST(Guard, bounds_the_size_of_the_message) {
    const std::string frame = Forgery{.rest = ",\"payload\":\"\""}.message();
    const std::string text(envelope_size_max - frame.size(), 'x');
    EXPECT_EQ(with_rest(",\"payload\":\"" + text + '"'), delivered);
    EXPECT_EQ(with_rest(",\"payload\":\"" + text + "x\""), "larger than 64 MB");
}

} // namespace
