#include "outbox_ext/contract/json_scan.h"

#include <gtest/gtest.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace outbox {
namespace {

using Minified = std::optional<std::string>; // nothing: it is not JSON

// RapidJSON writes \u001F, PostgreSQL and we \u001f.
std::string with_lower_case_escapes(std::string json) {
    for (size_t at = json.find('\\'); at != std::string::npos; at = json.find('\\', at + 2))
        if (json.compare(at + 1, 1, "u") == 0)
            std::transform(json.begin() + at, json.begin() + std::min(at + 6, json.size()), json.begin() + at,
                           [](char c) { return tolower(c); });
    return json;
}

// Source and target are memory of the exact sizes, so that a sanitizer finds an access beyond them.
Minified scan(const std::string &text) {
    std::unique_ptr<char[]> in(new char[text.size()]), out(new char[text.size()]);
    memcpy(in.get(), text.data(), text.size());
    size_t written = 0;
    bool valid = json_scan(in.get(), text.size(), out.get(), &written);
    EXPECT_EQ(json_scan(in.get(), text.size()), valid) << text;
    EXPECT_LE(written, text.size()) << text;
    bool is_compact = valid && std::string_view(out.get(), written) == with_lower_case_escapes(text);
    EXPECT_EQ(json_is_compact(in.get(), text.size()), is_compact) << text;
    return valid ? Minified(std::string(out.get(), written)) : std::nullopt;
}

// ---- RapidJSON as the model ----------------------------------------------------------------------------------------

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

class Copy : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Copy> {
public:
    Copy(rapidjson::StringBuffer *out, std::vector<std::string> numbers) : writer_(*out), numbers_(std::move(numbers)) {}

    bool Null() { return writer_.Null(); }
    bool Bool(bool value) { return writer_.Bool(value); }
    bool RawNumber(const char *digits, rapidjson::SizeType size, bool) {
        if (next_ == numbers_.size() && next_ > 0) // the start of a text that is no number
            return false;
        std::string number = numbers_.empty() ? std::string(digits, size) : numbers_[next_++];
        return writer_.RawValue(number.data(), number.size(), rapidjson::kNumberType);
    }
    bool String(const char *text, rapidjson::SizeType size, bool) { return has_no_surrogate(text, size) && writer_.String(text, size); }
    bool Key(const char *text, rapidjson::SizeType size, bool copy) { return String(text, size, copy); }
    bool StartObject() { return ++depth_ <= json_max_depth && writer_.StartObject(); }
    bool StartArray() { return ++depth_ <= json_max_depth && writer_.StartArray(); }
    bool EndObject(rapidjson::SizeType) { return --depth_, writer_.EndObject(); }
    bool EndArray(rapidjson::SizeType) { return --depth_, writer_.EndArray(); }

private:
    // RapidJSON 1.1 writes three bytes for a low surrogate without a high one.
    static bool has_no_surrogate(const char *text, size_t size) {
        for (size_t i = 0; i + 1 < size; i++)
            if (text[i] == '\xED' && static_cast<unsigned char>(text[i + 1]) >= 0xA0)
                return false;
        return true;
    }

    Writer writer_;
    std::vector<std::string> numbers_; // if not empty, the numbers in whose place RapidJSON reads zeros
    size_t next_ = 0;
    int depth_ = 0;
};

// A double cannot hold every number, so each number becomes a zero for RapidJSON, and its text is kept.
std::string without_numbers(const std::string &text, std::vector<std::string> *numbers) {
    static const std::regex number("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?");
    std::string masked;
    bool in_string = false;
    for (size_t at = 0, size; at < text.size(); at += size) {
        size = in_string && text[at] == '\\' ? 2 : 1;
        if (text[at] == '"')
            in_string = !in_string;
        else if (!in_string)
            size = std::max<size_t>(std::min(text.find_first_not_of("-+.eE0123456789", at), text.size()) - at, 1);
        std::string token = text.substr(at, size);
        bool is_number = !in_string && std::regex_match(token, number);
        masked += is_number ? "0" : token;
        if (is_number)
            numbers->push_back(token);
    }
    return masked;
}

Minified rapidjson(const std::string &text, std::vector<std::string> numbers = {}) {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::MemoryStream input(text.data(), text.size());
    rapidjson::StringBuffer out;
    rapidjson::Reader reader;
    Copy copy(&out, numbers);
    rapidjson::ParseResult result = reader.Parse<flags>(input, copy);
    if (result.Code() == rapidjson::kParseErrorNumberTooBig && numbers.empty()) {
        std::string masked = without_numbers(text, &numbers);
        return numbers.empty() ? std::nullopt : rapidjson(masked, numbers);
    }
    return result.IsError() ? std::nullopt : Minified(with_lower_case_escapes(std::string(out.GetString(), out.GetSize())));
}

// ---- documents, and changes of them --------------------------------------------------------------------------------

const std::vector<std::string> documents = {
    R"({"order": 4711, "item": "Macbook", "price": "1299.00", "urgent": true, "weight": 2.75, "tags": ["fragile", "gift"], "x": null})",
    R"( [ 0 , -0 , -0.0, 1.50, 1e5, 1E+5, 1E-05, 0.1e-7, 18446744073709551616, 1e400, -1e-400, 1e99999999999 ] )",
    R"(["\"\\\/\b\f\n\r\t", "\u0041\u007a", "\u0000\u0001\u001f\u007f\u0080", "\u0022\u005C\u002f"])",
    R"(["\u00e4 \u20AC \ud83d\ude00 \uDBFF\uDFFF \uD800\uDC00 \ud7ff \ue000 \uffff \u07ff\u0800", "plain text, more than eight bytes of it"])",
    "{\"\xC3\xA4\": \"\xE2\x82\xAC\xF0\x9F\x98\x80\", \"\": {\"a\" : [ ] , \"b\":{ } }, \"\\u00e9\": [[[[{\"deep\":[false]}]]]]}",
    "\t\r\n true",
    "\"a\"",
    "-12.5e+3",
    "null",
};

std::vector<std::string> words(const std::string &text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

const std::vector<std::string> pieces =
    words("\x01 \x1f \x7f \xC3\xA4 \xE2\x82\xAC "
          R"(" \ / { } [ ] , : 0 1 - + . e E u x true false nul [] {} "" \" \\ \/ \u \u0000 \ud83d \ud83d\u )"
          R"(\ud83d\ude00 \uDC00 \u00e9 1e 1e999 -0.0)");

class Mutation {
public:
    std::string next() {
        std::string text = one_of(documents);
        for (size_t n = at_most(3); n > 0; n--)
            change(&text);
        return text;
    }

private:
    size_t at_most(size_t n) { return random_() % (n + 1); }
    const std::string &one_of(const std::vector<std::string> &all) { return all[at_most(all.size() - 1)]; }

    void change(std::string *text) {
        size_t at = at_most(text->size()), size = at_most(std::min<size_t>(text->size() - at, 12));
        switch (at_most(4)) {
        case 0: text->replace(at, 1, one_of(pieces)); break;
        case 1: text->insert(at, one_of(pieces)); break;
        case 2: text->erase(at, at_most(3)); break;
        case 3: text->insert(at_most(text->size()), text->substr(at, size)); break;
        default:
            if (at < text->size())
                (*text)[at] = static_cast<char>(1 + at_most(0x7E)); // no NUL, which is the end of the text for RapidJSON
        }
    }

    std::mt19937 random_{20261123};
};

std::string nested(const char *open, const char *close, int levels) {
    std::string text;
    for (int i = 0; i < levels; i++)
        text += open;
    for (int i = 0; i < levels; i++)
        text += close;
    return text;
}

// ---- tests ----------------------------------------------------------------------------------------------------------

TEST(JsonScan, agrees_with_rapidjson_about_whatever_happens_to_a_document) {
    Mutation mutation;
    int accepted = 0, total = 300'000;
    for (int i = 0; i < total; i++) {
        std::string text = mutation.next();
        Minified expected = rapidjson(text);
        ASSERT_EQ(scan(text), expected) << text;
        accepted += expected.has_value();
    }
    EXPECT_GT(accepted, total / 4);
    EXPECT_GT(total - accepted, total / 4);
}

TEST(JsonScan, agrees_with_rapidjson_about_every_byte_at_every_place) {
    for (const std::string &document : documents) {
        ASSERT_TRUE(scan(document)) << document;
        for (size_t at = 0; at < document.size(); at++) {
            std::string text = document;
            for (int byte = 1; byte < 0x80; byte++) {
                text[at] = static_cast<char>(byte);
                ASSERT_EQ(scan(text), rapidjson(text)) << text;
            }
            ASSERT_EQ(scan(document.substr(0, at)), rapidjson(document.substr(0, at))) << document.substr(0, at);
        }
    }
}

TEST(JsonScan, agrees_with_rapidjson_about_every_unit_of_utf16) {
    char text[40];
    for (unsigned unit = 0; unit < 0x10000; unit++)
        for (const char *format : {R"("\u%04x")", R"("\u%04X-")", R"("\ud800\u%04x")", R"("\u%04x\udfff")"}) {
            snprintf(text, sizeof(text), format, unit);
            ASSERT_EQ(scan(text), rapidjson(text)) << text;
        }
}

TEST(JsonScan, refuses_a_control_character_wherever_it_stands_in_a_string) {
    for (int size = 0; size < 20; size++)
        for (int at = 0; at <= size; at++)
            for (int control = 0; control < 0x20; control++) {
                std::string text = '"' + std::string(static_cast<size_t>(size), '\xFF') + '"';
                text.insert(static_cast<size_t>(at) + 1, 1, static_cast<char>(control));
                ASSERT_FALSE(scan(text)) << size << ' ' << at << ' ' << control;
            }
}

TEST(JsonScan, refuses_nul_everywhere) {
    for (const std::string &document : documents)
        for (size_t at = 0; at <= document.size(); at++) {
            std::string text = document;
            ASSERT_FALSE(scan(text.insert(at, 1, '\0'))) << document << ' ' << at;
        }
}

TEST(JsonScan, bounds_the_depth) {
    for (auto [open, close] : {std::pair{"[", "]"}, {"{\"\":[", "]}"}, {"[{\"\":", "}]"}}) {
        int each = open[1] == '\0' ? 1 : 2;
        std::string inner = close[0] == '}' ? "0" : "";
        auto text = [&, open = open, close = close](int levels) {
            return nested(open, "", levels / each) + inner + nested(close, "", levels / each);
        };
        EXPECT_EQ(scan(text(json_max_depth)), text(json_max_depth));
        EXPECT_FALSE(scan('[' + text(json_max_depth) + ']'));
        EXPECT_FALSE(scan("{\"a\":" + text(json_max_depth) + '}'));
        EXPECT_FALSE(scan(nested(open, "", 1'000'000)));
    }
    std::string flat = '[' + nested("[[]],{\"\":{}},", "", 1000) + "0]";
    EXPECT_EQ(scan(flat), flat);
}

TEST(JsonScan, keeps_every_digit) {
    std::string digits(100'000, '7');
    for (const std::string &number : {digits, '-' + digits, "0." + digits, digits + '.' + digits + "e-" + digits})
        EXPECT_EQ(scan(" [ " + number + " ] "), '[' + number + ']');
    for (const char *text : {"01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "-01", "00", "1 2", "0x1", "--1", "1-2", "1e1.5"})
        EXPECT_FALSE(scan(text)) << text;
}

TEST(JsonScan, leaves_other_bytes_to_who_checks_the_encoding) {
    std::string text;
    for (int byte = 0x80; byte < 0x100; byte++)
        text += static_cast<char>(byte);
    EXPECT_EQ(scan('"' + text + '"'), '"' + text + '"');
    EXPECT_FALSE(scan(text));
    EXPECT_FALSE(scan("[\xC2\xA0]")); // a space to Unicode, not to JSON
}

TEST(JsonPlainEnd, finds_the_first_byte_that_needs_an_escape) {
    std::string plain = "\x20\x21\x23\x5B\x5D\x7F\x80\x9F\xA2\xDC\xFF plain";
    for (size_t before = 0; before < plain.size(); before++)
        for (int byte = 0; byte < 0x100; byte++) {
            std::string text = plain.substr(0, before) + static_cast<char>(byte) + "\"" + plain;
            bool is_special = byte < 0x20 || byte == '"' || byte == '\\';
            const char *end = text.data() + text.size();
            ASSERT_EQ(json_plain_end(text.data(), end) - text.data(), static_cast<long>(before + !is_special)) << before << ' ' << byte;
        }
    EXPECT_EQ(json_plain_end(plain.data(), plain.data() + plain.size()), plain.data() + plain.size());
}

TEST(JsonEscape, is_what_rapidjson_writes_but_for_the_case) {
    for (int byte = 0; byte < 0x60; byte++) {
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        char c = static_cast<char>(byte), escape[json_escape_max];
        rapidjson::StringBuffer expected;
        Writer(expected).String(&c, 1);
        EXPECT_EQ('"' + std::string(escape, json_escape(escape, static_cast<unsigned char>(byte))) + '"',
                  with_lower_case_escapes(expected.GetString()));
    }
}

} // namespace
} // namespace outbox
