#include "outbox_ext/contract/utf8_valid.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

// Copies the text into memory of its exact size, so that a sanitizer finds a read beyond it.
bool is_valid(const std::string &text) {
    std::unique_ptr<char[]> copy(new char[text.size()]);
    memcpy(copy.get(), text.data(), text.size());
    return utf8_is_valid(copy.get(), text.size());
}

std::string encoded(uint32_t code) {
    if (code < 0x80)
        return {static_cast<char>(code)};
    if (code < 0x800)
        return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    std::string tail{static_cast<char>(0x80 | (code >> 6 & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
    if (code < 0x10000)
        return static_cast<char>(0xE0 | code >> 12) + tail;
    return std::string{static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 0x3F))} + tail;
}

bool is_character(uint32_t code) { return code != 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF); }

TEST(Utf8Valid, accepts_every_character_but_nul) {
    for (uint32_t code = 0; code < 0x120000; code++)
        ASSERT_EQ(is_valid(encoded(code)), is_character(code)) << std::hex << code;
}

TEST(Utf8Valid, accepts_of_three_bytes_only_those_that_are_characters) {
    std::vector<bool> expected(1 << 24);
    auto mark = [&](const std::string &three) {
        auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(three[i])); };
        expected[byte(0) << 16 | byte(1) << 8 | byte(2)] = true;
    };
    std::string ascii, two_bytes;
    for (uint32_t code = 1; code < 0x80; code++)
        ascii += static_cast<char>(code);
    for (char a : ascii)
        for (char b : ascii)
            for (char c : ascii)
                mark({a, b, c});
    for (uint32_t code = 0x80; code < 0x800; code++)
        for (char a : ascii) {
            mark(a + encoded(code));
            mark(encoded(code) + a);
        }
    for (uint32_t code = 0x800; code < 0x10000; code++)
        if (is_character(code))
            mark(encoded(code));
    for (uint32_t bytes = 0; bytes < 1 << 24; bytes++) {
        char text[] = {static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
        ASSERT_EQ(utf8_is_valid(text, 3), expected[bytes]) << std::hex << bytes;
    }
}

TEST(Utf8Valid, refuses_every_other_form_of_four_bytes) {
    for (int lead = 0xF0; lead < 0x100; lead++)
        for (int second = 0; second < 0x100; second++)
            for (const char *rest : {"\x80\x80", "\xBF\xBF", "\x7F\x80", "\x80\x7F", "\xC0\x80", "\x80\xC0", "\x80"}) {
                std::string text = std::string{static_cast<char>(lead), static_cast<char>(second)} + rest;
                bool has_continuations =
                    text.size() == 4 && (second & 0xC0) == 0x80 && (rest[0] & 0xC0) == 0x80 && (rest[1] & 0xC0) == 0x80;
                int first_code = (lead & 7) << 18 | (second & 0x3F) << 12;
                ASSERT_EQ(is_valid(text), has_continuations && lead < 0xF5 && first_code >= 0x10000 && first_code <= 0x10FFFF)
                    << std::hex << lead << ' ' << second;
            }
}

TEST(Utf8Valid, looks_at_no_byte_behind_the_end) {
    for (const char *character : {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"})
        for (size_t size = 1; size < strlen(character); size++)
            EXPECT_FALSE(utf8_is_valid(character, size)) << size;
}

TEST(Utf8Valid, finds_a_wrong_byte_wherever_it_stands) {
    for (size_t size = 0; size < 70; size++) {
        std::string ascii(size, 'x');
        ASSERT_TRUE(is_valid(ascii));
        for (size_t at = 0; at <= size; at++) {
            auto with = [&](const std::string &piece) { return std::string(ascii).insert(at, piece); };
            ASSERT_TRUE(is_valid(with("\xF0\x9F\x98\x80"))) << size << ' ' << at;
            for (const std::string &wrong : {std::string(1, '\0'), std::string("\x80"), std::string("\xFF"), std::string("\xC3"),
                                             std::string("\xED\xA0\x80"), std::string("\xF0\x9F\x98")})
                ASSERT_FALSE(is_valid(with(wrong))) << size << ' ' << at;
        }
    }
}

} // namespace
