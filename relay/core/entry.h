// An event that a sink has taken and whose record is not safe yet, with all that it takes to produce the record again.
#pragma once

#include "core/chunk.h"
#include "core/envelope.h"
#include "core/quarantine.h"

namespace outbox {

struct Entry {
    enum class State : uint8_t { queued, in_flight, accepted };

    Chunk::Pointer chunk;
    std::string_view line; // in the chunk
    int64_t commit_time_ms;
    uint64_t ordinal;
    State state = State::queued;
    Form form = Form::event; // that was produced last
    uint16_t topic = 0;      // its number among the tallies
    uint32_t bytes = 0;      // of that record in a batch
    Lsn ended{};             // the end of its transaction, where it is the last event that was taken of one that is complete

    Lsn commit() const { return chunk->commit(); }
    Lsn end() const { return ended > Lsn{} ? ended : commit(); } // what a position says of it
    EventPosition position() const { return {commit(), ordinal}; }
    Event event() const {
        Event event = parse_event(line);
        event.ordinal = ordinal;
        return event;
    }
};

} // namespace outbox
