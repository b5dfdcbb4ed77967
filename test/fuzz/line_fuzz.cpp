// The relay's parser of lines: any line is read, or is a FormatError.
#include "relay/core/decode.h"
#include "relay/core/plugin_dialect.h"

#include <cstdint>

namespace {

using namespace outbox;

void read(std::string &line) {
    std::string scratch;
    switch (kind_of(line)) {
    case LineKind::begin: parse_begin(line); return;
    case LineKind::commit: parse_commit(line); return;
    case LineKind::rejected: parse_rejected(line); return;
    case LineKind::ahead: parse_ahead(line); return;
    case LineKind::envelope: break;
    }
    Event event = parse_event(line);
    for (std::string_view headers = event.headers; std::optional<Header> header = next_header(headers);)
        unescape(header->value, scratch);
    unescape(event.key.value_or(""), scratch);
    unescape(event.type, scratch);
    if (event.payload_kind == PayloadKind::base64)
        decode_base64(line.data() + (event.payload.data() - line.data()), event.payload.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string line(reinterpret_cast<const char *>(data), size);
    try {
        read(line);
    } catch (const FormatError &) {
    }
    return 0;
}
