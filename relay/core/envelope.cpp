#include "core/envelope.h"

#include "core/line_scanner.h"

namespace outbox {
namespace {

// A header's colon and value: a string, or {"base64":"…"}.
std::string_view header_value(LineScanner &scanner, bool &is_base64) {
    is_base64 = !scanner.skip(":\"");
    if (!is_base64)
        return scanner.string();
    scanner.require(":{\"base64\":\"");
    std::string_view value = scanner.string();
    scanner.require("}");
    return value;
}

} // namespace

Event parse_event(std::string_view line) {
    Event event;
    parse_event(line, event);
    return event;
}

void parse_event(std::string_view line, Event &event) {
    LineScanner scanner(line);
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
        bool is_base64 = false;
        do {
            scanner.require("\"");
            scanner.string();
            header_value(scanner, is_base64);
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
        return;
    }
    event.payload_kind = PayloadKind::none;
    if (scanner.skip(",\"payload_base64\":\"")) {
        event.payload_kind = PayloadKind::base64;
        event.payload = scanner.string();
    }
    scanner.require("}");
    scanner.end();
}

std::optional<Header> next_header(std::string_view &headers) {
    if (headers.empty())
        return std::nullopt;
    LineScanner scanner(headers);
    scanner.skip(",");
    scanner.require("\"");
    std::string_view name = scanner.string();
    bool is_base64 = false;
    std::string_view value = header_value(scanner, is_base64);
    headers = scanner.rest();
    return Header{name, value, is_base64};
}

} // namespace outbox
