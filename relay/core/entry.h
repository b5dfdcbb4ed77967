// An event that a sink has taken and whose record Kafka has not acknowledged, with all that the sink needs to produce the record again.
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
    Form form = Form::event; // of the record that was produced last
    uint16_t topic = 0;      // the topic's number among the tallies
    uint32_t bytes = 0;      // of the record that was produced last, within a batch
    uint32_t cost_bytes = 0; // memory of the record beside the chunk, until the record is acknowledged
    Lsn ended{};             // the end of the event's transaction, where the event is the last one taken of a complete transaction

    Lsn commit() const { return chunk->commit(); }
    Lsn end() const { return ended > Lsn{} ? ended : commit(); } // the LSN that a position has for the event
    EventPosition position() const { return {commit(), ordinal}; }
    Event event() const {
        Event event = parse_event(line);
        event.ordinal = ordinal;
        return event;
    }
};

} // namespace outbox
