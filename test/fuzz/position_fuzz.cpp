// A record of the state topic and a timeline history file: each is read or refused. A position that was read is written and read again
// without a change, and resume() returns a position or throws PositionRefused.
#include "relay/core/position.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace outbox;
    std::string_view text(reinterpret_cast<const char *>(data), size);
    size_t middle = text.find('\0'); // between the record and the history file
    std::optional<State> state = parse_state(text.substr(0, middle));
    Source source;
    source.timeline = 3;
    source.history = parse_timeline_history(middle == std::string_view::npos ? text : text.substr(middle + 1));
    source.wal_end = Lsn{0x2000000};
    if (state) {
        std::optional<State> again = parse_state(format_state(*state));
        if (!again || format_state(*again) != format_state(*state))
            abort();
    }
    for (auto *rule : {resume, reset}) {
        try {
            rule(state, source);
        } catch (const PositionRefused &) {
        }
    }
    return 0;
}
