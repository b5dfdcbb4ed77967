#include "envelope.h"

#include <charconv>
#include <chrono>
#include <cstring>

namespace outbox {
namespace {

// Takes a line apart from left to right.
class Scanner {
public:
    explicit Scanner(std::string_view line) : rest_(line) {}

    std::string_view rest() const { return rest_; }

    bool skip(std::string_view expected) {
        if (!rest_.starts_with(expected))
            return false;
        rest_.remove_prefix(expected.size());
        return true;
    }

    void require(std::string_view expected) {
        if (!skip(expected))
            throw FormatError("unexpected member in a line of the stream");
    }

    std::string_view string() { // at the character after the opening quote; takes the closing one
        size_t from = 0;
        for (;;) {
            const void *quote = rest_.size() > from ? memchr(rest_.data() + from, '"', rest_.size() - from) : nullptr;
            if (quote == nullptr)
                throw FormatError("unterminated string in a line of the stream");
            size_t at = static_cast<size_t>(static_cast<const char *>(quote) - rest_.data()), slash = at;
            while (slash > 0 && rest_[slash - 1] == '\\')
                slash--;
            if ((at - slash) % 2 == 0) {
                std::string_view content = rest_.substr(0, at);
                rest_.remove_prefix(at + 1);
                return content;
            }
            from = at + 1;
        }
    }

    uint64_t number() {
        uint64_t value = 0;
        auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc())
            throw FormatError("number expected in a line of the stream");
        rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
        return value;
    }

    Lsn lsn() {
        std::optional<Lsn> lsn = parse_lsn(string());
        if (!lsn)
            throw FormatError("LSN expected in a line of the stream");
        return *lsn;
    }

    void end() const {
        if (!rest_.empty())
            throw FormatError("text after the end of a line of the stream");
    }

private:
    std::string_view rest_;
};

// "2026-11-23T09:42:00.123456Z"
int64_t parse_time_ms(std::string_view text) {
    auto field = [&](size_t at, size_t size) {
        int value = 0;
        for (size_t i = at; i < at + size; i++) {
            unsigned digit = static_cast<unsigned char>(text[i]) - '0';
            if (digit > 9)
                throw FormatError("time expected in a line of the stream");
            value = value * 10 + static_cast<int>(digit);
        }
        return value;
    };
    if (text.size() != 27 || text[10] != 'T' || text[26] != 'Z')
        throw FormatError("time expected in a line of the stream");
    using namespace std::chrono;
    sys_days day = year{field(0, 4)} / field(5, 2) / field(8, 2);
    auto time = hours{field(11, 2)} + minutes{field(14, 2)} + seconds{field(17, 2)} + milliseconds{field(20, 3)};
    return duration_cast<milliseconds>(day.time_since_epoch() + time).count();
}

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

// Appends what the escape at `at` (the character after the backslash) stands for; returns where it ends.
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

LineKind kind_of(std::string_view line) {
    if (line.starts_with("{\"topic\":\""))
        return LineKind::envelope;
    if (line.starts_with("{\"begin\":\""))
        return LineKind::begin;
    if (line.starts_with("{\"commit\":\""))
        return LineKind::commit;
    if (line.starts_with("{\"rejected\":\""))
        return LineKind::rejected;
    if (line.starts_with("{\"ahead\":"))
        return LineKind::ahead;
    throw FormatError("unknown line in the stream");
}

Begin parse_begin(std::string_view line) {
    Scanner scanner(line);
    Begin begin;
    scanner.require("{\"begin\":\"");
    begin.end = scanner.lsn();
    scanner.require(",\"xid\":");
    scanner.number();
    scanner.require(",\"ts\":\"");
    begin.commit_time = scanner.string();
    begin.commit_time_ms = parse_time_ms(begin.commit_time);
    scanner.require("}");
    scanner.end();
    return begin;
}

Commit parse_commit(std::string_view line) {
    Scanner scanner(line);
    Commit commit;
    scanner.require("{\"commit\":\"");
    commit.end = scanner.lsn();
    scanner.require(",\"events\":");
    commit.events = scanner.number();
    scanner.require("}");
    scanner.end();
    return commit;
}

Rejected parse_rejected(std::string_view line) {
    Scanner scanner(line);
    Rejected rejected;
    scanner.require("{\"rejected\":\"");
    rejected.lsn = scanner.string();
    scanner.require(",\"reason\":\"");
    rejected.reason = scanner.string();
    scanner.require("}");
    scanner.end();
    return rejected;
}

bool parse_ahead(std::string_view line) {
    Scanner scanner(line);
    scanner.require("{\"ahead\":");
    bool is_ahead = scanner.skip("true");
    if (!is_ahead)
        scanner.require("false");
    scanner.require("}");
    scanner.end();
    return is_ahead;
}

Event parse_event(std::string_view line) {
    Scanner scanner(line);
    Event event = {};
    event.line = line;
    scanner.require("{\"topic\":\"");
    event.topic = scanner.string();
    if (scanner.skip(",\"key\":\""))
        event.key = scanner.string();
    scanner.require(",\"id\":\"");
    event.id = scanner.string();
    if (scanner.skip(",\"type\":\""))
        event.type = scanner.string();
    if (scanner.skip(",\"headers\":{")) {
        std::string_view start = scanner.rest();
        do {
            scanner.require("\"");
            scanner.string();
            scanner.require(":\"");
            scanner.string();
        } while (scanner.skip(","));
        event.headers = start.substr(0, start.size() - scanner.rest().size());
        scanner.require("}");
    }
    if (scanner.skip(",\"payload\":")) {
        event.payload_kind = PayloadKind::json;
        event.payload = scanner.rest();
        if (event.payload.size() < 2 || event.payload.back() != '}')
            throw FormatError("unterminated envelope in the stream");
        event.payload.remove_suffix(1);
        return event;
    }
    event.payload_kind = PayloadKind::none;
    if (scanner.skip(",\"payload_base64\":\"")) {
        event.payload_kind = PayloadKind::base64;
        event.payload = scanner.string();
    }
    scanner.require("}");
    scanner.end();
    return event;
}

std::optional<Header> next_header(std::string_view &headers) {
    if (headers.empty())
        return std::nullopt;
    Scanner scanner(headers);
    scanner.skip(",");
    scanner.require("\"");
    std::string_view name = scanner.string();
    scanner.require(":\"");
    std::string_view value = scanner.string();
    headers = scanner.rest();
    return Header{name, value};
}

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
