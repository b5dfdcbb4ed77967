// pgoutput's messages: any message is passed over, becomes an item, or is a FormatError, and an item that is an event is read without an
// error. An input is several messages, each after two bytes with its size.
#include "relay/core/decode.h"
#include "relay/core/pgoutput_dialect.h"

#include <cstdint>
#include <cstdlib>
#include <utility>

namespace {

using namespace outbox;

// Reads an event as the session does.
void read_on(const Event &event) {
    std::string scratch;
    if (event.topic.empty())
        abort();
    for (std::string_view headers = event.headers; std::optional<Header> header = next_header(headers);)
        unescape(header->value, scratch);
    unescape(event.key.value_or(""), scratch);
    unescape(event.type, scratch);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view input(reinterpret_cast<const char *>(data), size);
    PgoutputDialect dialect("orders,pay*");
    bool in_transaction = false;
    uint64_t events = 0;
    while (input.size() > 2) {
        size_t bytes = std::min<size_t>(data[size - input.size()] << 8 | data[size - input.size() + 1], input.size() - 2);
        std::string message(input.substr(2, bytes)); // memory of its own, so that the sanitizer finds a read beyond it
        input.remove_prefix(2 + bytes);
        std::string_view rest = message;
        for (;;) {
            Item *item;
            try {
                item = dialect.next(rest);
            } catch (const FormatError &) {
                return 0;
            }
            if (item == nullptr)
                break;
            if (std::holds_alternative<Begin>(*item) == in_transaction)
                abort();
            if (auto *event = std::get_if<Event>(item)) {
                read_on(*event);
                events++;
            }
            in_transaction = !std::holds_alternative<Commit>(*item);
            if (auto *commit = std::get_if<Commit>(item); commit && std::exchange(events, 0) != commit->events)
                abort();
        }
    }
    return 0;
}
