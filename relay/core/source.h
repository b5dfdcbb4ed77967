// The source of a stream: the server's identity and history, and where the slot stands. Pure data. Tested by test/unit/position_test.cpp.
#pragma once

#include "core/wire.h"

#include <string>
#include <vector>

namespace outbox {

// The server left timeline `id` at LSN `end`, and went on with the next timeline.
struct TimelineEnd {
    uint32_t id;
    Lsn end;
};

struct Source {
    std::string system_identifier;
    std::string database;
    std::string slot;
    std::string topics; // the plugin option `topics`; empty: all
    uint32_t timeline = 0;
    std::vector<TimelineEnd> history; // the timelines before this one, oldest first; empty, too, where the server has lost the history
    Lsn wal_end{};                    // of the server, when the connection was made
    Lsn confirmed{};                  // of the slot, when the connection was made
    int64_t clock_ahead_ms = 0;       // the server's clock, compared with this machine's
    bool was_held = false;            // another relay had the slot at that moment, and may have delivered more before it ended
    std::string reset_command = "outbox-relay setup --delivery exactly-once --reset-state"; // for messages
};

// Reads a timeline history file of PostgreSQL: lines of "id, LSN, reason" with tabs between. Other lines, such as comments, are passed
// over.
std::vector<TimelineEnd> parse_timeline_history(std::string_view text);

} // namespace outbox
