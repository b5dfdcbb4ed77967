// How far exactly-once delivery has come, as it stands in the state topic: one record a slot, replaced in the same Kafka transaction as
// the events up to it. Pure: no I/O, no clock. Tested by test/unit/position_test.cpp. docs/exactly-once.md states the rules of resume().
#pragma once

#include "core/source.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace outbox {

// Everything before `end` is in Kafka, and of the transaction whose commit record ends there the first `ordinal` events; all of them where
// `complete`. Commit LSNs are in order, and a transaction's events have the same ordinals whenever it is decoded; LSNs of messages do not
// do (those of several events can be equal).
//
// A transaction of which a part is missing is known by the name that the output plugin gave it (item.h). Another plugin names it otherwise:
// to it, it is the first transaction with events behind `after`.
struct Position {
    Lsn end{};
    uint64_t ordinal = 0;
    bool complete = true;
    Lsn after{}; // where not complete: the end of a transaction before it, or of the slot's confirmation; 0: not known

    bool covers(Lsn transaction_end, uint64_t event_ordinal) const {
        return transaction_end < end || (transaction_end == end && (complete || event_ordinal <= ordinal));
    }
    bool covers(const Position &other) const { return covers(other.end, other.complete ? UINT64_MAX : other.ordinal); }
};

// What a state record holds: a position, and on which history it lies.
struct State {
    Position position;
    Lsn events{}; // the end of the last transaction that had any: the position goes on without them
    uint32_t timeline = 0;
    std::string topics = {};
};

// The record's key: "slot@system identifier/database".
std::string state_key(const Source &source);

// Of the Kafka transactions that move the position: whoever begins one fences all others with the same id.
std::string transactional_id(const Source &source);

std::string format_state(const State &state);            // one line of JSON
std::optional<State> parse_state(std::string_view json); // nullopt: not such a record

// Going on would skip or repeat events, or nobody can tell; says what was found and what to do.
class PositionRefused : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Where to go on. Throws PositionRefused.
Position resume(const std::optional<State> &state, const Source &source);

// Where to go on when an operator says so: where the slot stands; after a failover that lost events, where the server left the state's
// timeline, because what the two have in common was delivered.
Position reset(const std::optional<State> &state, const Source &source);

} // namespace outbox
