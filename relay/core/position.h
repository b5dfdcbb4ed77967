// The position of exactly-once delivery, as the state topic holds it: one record a slot, replaced in the same Kafka transaction as the
// events up to the position. Pure: no I/O, no clock. Tested by test/unit/position_test.cpp. docs/exactly-once.md states the rules of
// resume().
#pragma once

#include "core/source.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace outbox {

// Kafka has every event before `end`, and the first `ordinal` events of the transaction whose commit record ends there; all of that
// transaction's events where `complete`. LSNs of commit records are in order, and a transaction's events have the same ordinals whenever
// the server decodes the transaction. LSNs of messages are not in order: those of several events can be equal.
//
// Where a part of a transaction is missing, `end` is the name that the output plugin gave the transaction (item.h). Another plugin gives
// another name; for that plugin the transaction is the first one with events behind `after`.
struct Position {
    Lsn end{};
    uint64_t ordinal = 0;
    bool complete = true;
    Lsn after{}; // where not complete: the end of a transaction before, or of the slot's confirmation; 0: not known

    bool covers(Lsn transaction_end, uint64_t event_ordinal) const {
        return transaction_end < end || (transaction_end == end && (complete || event_ordinal <= ordinal));
    }
    bool covers(const Position &other) const { return covers(other.end, other.complete ? UINT64_MAX : other.ordinal); }
};

// The content of a state record: a position, and the history on which the position lies.
struct State {
    Position position;
    Lsn events{}; // the end of the last transaction that had events; the position goes beyond where none came
    uint32_t timeline = 0;
    std::string topics = {};
};

// The record's key: "slot@system identifier/database".
std::string state_key(const Source &source);

// The id of the Kafka transactions that move the position. A producer that begins one fences all others with the same id.
std::string transactional_id(const Source &source);

std::string format_state(const State &state);            // one line of JSON
std::optional<State> parse_state(std::string_view json); // nullopt: the text is no state record

// Going on would skip or repeat events, or nobody can tell. The text says what was found and what to do.
class PositionRefused : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The position at which the relay goes on. Throws PositionRefused.
Position resume(const std::optional<State> &state, const Source &source);

// The position at which the relay goes on when an operator says so: where the slot stands. After a failover that lost events: where the
// server left the state's timeline, since everything up to there was delivered.
Position reset(const std::optional<State> &state, const Source &source);

} // namespace outbox
