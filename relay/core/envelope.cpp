#include "core/envelope.h"

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

} // namespace outbox
