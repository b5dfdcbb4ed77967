// The guard, and the relay's parser after it: a message that the guard accepts is one line that the relay reads without an error, and its
// texts have no escape that the relay does not know.
#include "outbox_ext/contract/guard.h"
#include "relay/core/decode.h"
#include "relay/core/plugin_dialect.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace outbox;
    std::string message(reinterpret_cast<const char *>(data), size), scratch;
    Text topic;
    if (guard_reject(message.data(), message.size(), envelope_head_max, &topic) != nullptr)
        return 0;
    if (message.find('\n') != std::string::npos || kind_of(message) != LineKind::envelope)
        abort();
    Event event = parse_event(message);
    if (event.topic != std::string_view(topic.data, topic.size))
        abort();
    unescape(event.key.value_or(""), scratch);
    unescape(event.type, scratch);
    for (std::string_view headers = event.headers; std::optional<Header> header = next_header(headers);) {
        unescape(header->name, scratch);
        if (header->is_base64)
            decode_base64(scratch.assign(header->value).data(), header->value.size());
        else
            unescape(header->value, scratch);
    }
    if (event.payload_kind == PayloadKind::base64)
        decode_base64(message.data() + (event.payload.data() - message.data()), event.payload.size());
    return 0;
}
