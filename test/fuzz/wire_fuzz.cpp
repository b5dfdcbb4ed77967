// Replication messages and the text of an LSN: each is read or refused, and an LSN that was read is written without a change.
#include "relay/core/wire.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace outbox;
    std::string_view message(reinterpret_cast<const char *>(data), size);
    std::optional<Keepalive> keepalive = parse_keepalive(message);
    if (keepalive.has_value() && message.size() != keepalive_bytes)
        abort();
    if (std::optional<Lsn> lsn = parse_lsn(message); lsn && parse_lsn(format_lsn(*lsn)) != lsn)
        abort();
    return 0;
}
