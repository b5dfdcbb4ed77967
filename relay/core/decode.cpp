#include "core/decode.h"

#include "core/envelope.h"

#include <cstdint>

namespace outbox {
namespace {

int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char32_t hex4(std::string_view text, size_t at) {
    char32_t value = 0;
    if (text.size() < at + 4)
        throw FormatError("broken escape in a line of the stream");
    for (size_t i = at; i < at + 4; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            throw FormatError("broken escape in a line of the stream");
        value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
}

void append_utf8(std::string &out, char32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 63));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | c >> 12);
        out += static_cast<char>(0x80 | (c >> 6 & 63));
        out += static_cast<char>(0x80 | (c & 63));
    } else {
        out += static_cast<char>(0xF0 | c >> 18);
        out += static_cast<char>(0x80 | (c >> 12 & 63));
        out += static_cast<char>(0x80 | (c >> 6 & 63));
        out += static_cast<char>(0x80 | (c & 63));
    }
}

// Appends the character of the escape whose first character after the backslash stands at `at`. Returns where the escape ends.
size_t append_escape(std::string &out, std::string_view text, size_t at) {
    if (at >= text.size())
        throw FormatError("broken escape in a line of the stream");
    switch (text[at]) {
    case '"':
    case '\\':
    case '/': out += text[at]; return at + 1;
    case 'b': out += '\b'; return at + 1;
    case 'f': out += '\f'; return at + 1;
    case 'n': out += '\n'; return at + 1;
    case 'r': out += '\r'; return at + 1;
    case 't': out += '\t'; return at + 1;
    case 'u': break;
    default: throw FormatError("broken escape in a line of the stream");
    }
    char32_t c = hex4(text, at + 1);
    at += 5;
    if (c >= 0xD800 && c <= 0xDFFF) {
        char32_t low = text.substr(at, 2) == "\\u" ? hex4(text, at + 2) : 0;
        if (c > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
            throw FormatError("broken escape in a line of the stream");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
    }
    append_utf8(out, c);
    return at;
}

} // namespace

std::string_view unescape(std::string_view text, std::string &scratch) {
    size_t slash = text.find('\\');
    if (slash == std::string_view::npos)
        return text;
    scratch.clear();
    size_t plain = 0;
    while (slash != std::string_view::npos) {
        scratch.append(text, plain, slash - plain);
        plain = append_escape(scratch, text, slash + 1);
        slash = text.find('\\', plain);
    }
    scratch.append(text, plain);
    return scratch;
}

size_t decode_base64(char *text, size_t size) {
    auto value_of = [](char c) -> uint32_t {
        if (c >= 'A' && c <= 'Z')
            return static_cast<uint32_t>(c - 'A');
        if (c >= 'a' && c <= 'z')
            return static_cast<uint32_t>(c - 'a' + 26);
        if (c >= '0' && c <= '9')
            return static_cast<uint32_t>(c - '0' + 52);
        if (c == '+' || c == '/')
            return c == '+' ? 62 : 63;
        throw FormatError("broken base64 in the stream");
    };
    if (size % 4 != 0)
        throw FormatError("broken base64 in the stream");
    size_t padding = 0;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    char *out = text;
    for (size_t i = 0; i < size; i += 4) {
        size_t letters = i + 4 == size ? 4 - padding : 4;
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++)
            group = group << 6 | (j < letters ? value_of(text[i + j]) : 0);
        for (size_t j = 0; j + 1 < letters; j++)
            *out++ = static_cast<char>(group >> (16 - 8 * j));
    }
    return static_cast<size_t>(out - text);
}

} // namespace outbox
