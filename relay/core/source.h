// Where a stream comes from: the server's identity and history, and where the slot stands. Pure data.
// Tested by test/unit/position_test.cpp.
#pragma once

#include "core/wire.h"

#include <string>
#include <vector>

namespace outbox {

// The server left timeline `id` at `end`, and went on with the next one.
struct TimelineEnd {
    uint32_t id;
    Lsn end;
};

struct Source {
    std::string system_identifier;
    std::string database;
    std::string slot;
    std::string topics; // the plugin's option; empty: all
    uint32_t timeline = 0;
    std::vector<TimelineEnd> history; // of the timelines before this one, oldest first; empty also where the server has lost it
    Lsn wal_end{};                    // of the server, when it was asked
    Lsn confirmed{};                  // the slot's, when it was asked
    int64_t clock_ahead_ms = 0;       // the server's clock, compared with this machine's
    bool was_held = false;            // another had the slot then, and may have delivered more before it ended
};

// A timeline history file of PostgreSQL: lines of "id, LSN, reason" with tabs between. Others, such as comments, are passed over.
std::vector<TimelineEnd> parse_timeline_history(std::string_view text);

} // namespace outbox
