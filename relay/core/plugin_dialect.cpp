#include "core/plugin_dialect.h"

#include "core/line_scanner.h"

#include <chrono>
#include <utility>

namespace outbox {
namespace {

// The plugin's options. batch_bytes also bounds the bytes of a chunk, but for a line that is longer. With gather 'ahead' the relay says
// that it understands {"ahead":…}. The plugin of 1.0 refuses the word 'ahead'; with gather 'on' that plugin gathers, and does not say when
// the server has read ahead.
constexpr const char *options_of_1_1 = "version '1', gather 'ahead', batch_bytes '65536'";
constexpr const char *options_of_1_0 = "version '1', gather 'on', batch_bytes '65536'";

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
    LineScanner scanner(line);
    Begin begin;
    scanner.require("{\"begin\":\"");
    begin.commit = scanner.lsn();
    begin.end = begin.commit;
    scanner.require(",\"xid\":");
    scanner.number();
    scanner.require(",\"ts\":\"");
    begin.commit_time_ms = parse_time_ms(scanner.string());
    scanner.require("}");
    scanner.end();
    return begin;
}

Commit parse_commit(std::string_view line) {
    LineScanner scanner(line);
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
    LineScanner scanner(line);
    Rejected rejected;
    scanner.require("{\"rejected\":\"");
    rejected.lsn = scanner.lsn();
    scanner.require(",\"reason\":\"");
    rejected.reason = scanner.string();
    scanner.require("}");
    scanner.end();
    return rejected;
}

Ahead parse_ahead(std::string_view line) {
    LineScanner scanner(line);
    scanner.require("{\"ahead\":");
    bool is_ahead = scanner.skip("true");
    if (!is_ahead)
        scanner.require("false");
    scanner.require("}");
    scanner.end();
    return {is_ahead};
}

std::string PluginDialect::options() const {
    std::string options = is_1_0_ ? options_of_1_0 : options_of_1_1;
    return topics_.empty() ? options : options + ", topics '" + topics_ + "'"; // names of topics have no quote
}

bool PluginDialect::asks_otherwise() { return !std::exchange(is_1_0_, true); }

Item *PluginDialect::next(std::string_view &bytes) {
    if (bytes.empty())
        return nullptr;
    size_t end = bytes.find('\n');
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    switch (kind_of(line)) {
    case LineKind::envelope: parse_event(line, item_.emplace<Event>()); break;
    case LineKind::begin: item_ = parse_begin(line); break;
    case LineKind::commit: item_ = parse_commit(line); break;
    case LineKind::rejected: item_ = parse_rejected(line); break;
    case LineKind::ahead: item_ = parse_ahead(line); break;
    }
    return &item_;
}

} // namespace outbox
