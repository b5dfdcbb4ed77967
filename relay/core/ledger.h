// The progress of exactly-once delivery in a session. Pure: no I/O, no clock, no library. This file is the exactly-once guarantee, as
// tracker.h is the at-least-once guarantee. Tested by test/unit/ledger_test.cpp, also against a naive model.
//
// A position is acknowledged when Kafka has answered the commit of its Kafka transaction, and shown when the state topic has been read back
// as a consumer reads it. Between the two a broker that crashes may forget the Kafka transaction's markers (KAFKA-20734), and an operator
// may then end the Kafka transaction without its events.
//
// Invariants, asserted: what may be confirmed <= what is shown <= what is acknowledged; none of the three goes back within a session;
// nothing is acknowledged on top of a position that is not shown.
#pragma once

#include "core/position.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace outbox {

// The position that was read does not cover what Kafka has acknowledged, or shown, in this session: only the slot has those events now.
class Regressed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Kafka has the first part of a transaction that was split, and the slot does not have the rest.
class RestIsMissing : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Ledger {
public:
    // Takes the position that was read from the state topic: when the session begins, and again after a commit of which nobody knows
    // whether it took place. `events` is where the last transaction with events ends, `slot_confirmed` where the slot stands. Throws
    // Regressed.
    void resume(const Position &found, Lsn events, Lsn slot_confirmed);

    // Whether Kafka has the event already.
    bool covers(Lsn transaction, uint64_t ordinal) const { return position_.covers(transaction, ordinal); }

    // require_rest(): the stream brings an event of the transaction. ended(): the stream ends the transaction. The slot sends whole
    // transactions, so the rest of a split transaction comes before all that follows. Throws RestIsMissing where another transaction comes
    // first.
    void require_rest(Lsn transaction);
    void ended(Lsn transaction);

    // Kafka has committed a Kafka transaction with this position. `last_complete`: the end of the last transaction of the stream that the
    // position completes; has_events: false for a position alone.
    void acknowledged(const Position &position, Lsn last_complete, bool has_events);

    // The state topic shows the position `seen`. True where all that is acknowledged is visible from now on.
    bool shown(const Position &seen);

    // Every event of the stream up to this LSN is delivered.
    void delivered(Lsn up_to) { delivered_ = std::max(delivered_, up_to); }

    // The position to write though there were no events, since the slot can be confirmed no further than the state topic says; nullopt:
    // none is needed.
    std::optional<Position> overdue() const;

    Lsn confirmable() const { return std::min(delivered_, shown_); }
    bool is_shown() const { return is_shown_; }
    const Position &position() const { return position_; } // acknowledged
    Lsn events() const { return events_; }

private:
    static void require(bool holds, const char *what) {
        if (!holds)
            throw std::logic_error(what);
    }
    void require_invariants() const;
    bool is_rest_by_another_name(Lsn transaction) const;
    Position as_named_now(Position found) const;

    bool is_resumed_ = false;
    Position position_;        // acknowledged; where not complete, Kafka has only a part of its last transaction
    bool is_shown_ = true;     // position_ can be read back
    Lsn acknowledged_{};       // the end of the last transaction that is complete in Kafka
    Lsn shown_{};              // the end of the last one that is complete and can be read back
    Lsn delivered_{};          // the LSN that the stream alone would let the slot confirm
    Lsn events_{};             // the end of the last transaction with events that Kafka has
    Lsn ended_{};              // the last transaction that the stream has ended
    std::optional<Lsn> split_; // the transaction of which Kafka has a part; its rest comes first
    // the split transaction, as the output plugin that wrote the position and the one that streams name it
    Lsn named_before_{}, named_now_{};
};

} // namespace outbox
