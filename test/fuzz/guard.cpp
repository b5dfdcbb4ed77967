// Without a server: see test/bench/no-server.cpp, which takes any bytes for UTF-8. Fuzzed are JSON and the form of the envelope.
#include "test/fuzz/guard.h"

#include "outbox_ext/envelope.h"

const char *guard_rejects(const char *message, size_t size) {
    Text topic;
    return envelope_reject(message, size, envelope_head_max, &topic);
}
