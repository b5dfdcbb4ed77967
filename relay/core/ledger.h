// How far exactly-once delivery has come in a session. Pure: no I/O, no clock, no library. The exactly-once guarantee is this file, as the
// at-least-once guarantee is tracker.h. Tested by test/unit/ledger_test.cpp, also against a naive model.
//
// A position is acknowledged when Kafka has answered the commit of its transaction, and shown when the state topic has been read back as a
// consumer reads it. Between the two a broker that crashes may forget the transaction's markers (KAFKA-20734), and then an operator may end
// the transaction without its events.
//
// Invariants, asserted: what may be confirmed <= what is shown <= what is acknowledged; none of the three goes back within a session;
// nothing is acknowledged on top of what is not shown.
#pragma once

#include "core/position.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace outbox {

// The position that is read does not cover what Kafka has acknowledged, or shown, in this session: only the slot has those events now.
class Regressed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Of a transaction that was split the first part is in Kafka, and the slot does not have the rest.
class RestIsMissing : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Ledger {
public:
    // The position is read from the state topic: when the session begins, and again after a commit of which nobody knows whether it took
    // place. `events` is where the last transaction with events ends, `slot_confirmed` where the slot stands. Throws Regressed.
    void resume(const Position &found, Lsn events, Lsn slot_confirmed);

    // Whether the event is in Kafka already.
    bool covers(Lsn transaction, uint64_t ordinal) const { return position_.covers(transaction, ordinal); }

    // The stream brings an event of the transaction, or the transaction's end. The slot sends whole transactions, so the rest of one that
    // was split comes before all that follows it. Throws RestIsMissing.
    void require_rest(Lsn transaction);
    void ended(Lsn transaction);

    // Kafka has committed a transaction with this position. `last_complete`: the end of the last transaction of the stream that is complete
    // with it; has_events: it is no position alone.
    void acknowledged(const Position &position, Lsn last_complete, bool has_events);

    // The state topic shows the position `seen`. True where all that is acknowledged can be seen from now on.
    bool shown(const Position &seen);

    // The stream has nothing more up to here that is not delivered.
    void delivered(Lsn up_to) { delivered_ = std::max(delivered_, up_to); }

    // The position to write though there were no events: the slot can be confirmed no further than the state topic says.
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
    Position position_;                // acknowledged; only a part of its last transaction where it is not complete
    bool is_shown_ = true;             // and can be read back
    Lsn acknowledged_{};               // the end of the last transaction that is complete in Kafka
    Lsn shown_{};                      // of the last one that is complete and can be read back
    Lsn delivered_{};                  // what the stream could be confirmed to
    Lsn events_{};                     // the end of the last transaction with events that Kafka has
    Lsn ended_{};                      // the last transaction that the stream has ended
    std::optional<Lsn> split_;         // a transaction of which Kafka has a part; its rest comes first
    Lsn named_before_{}, named_now_{}; // that transaction, by the output plugin that wrote the position and by the one that streams
};

} // namespace outbox
