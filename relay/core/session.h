// One connection's worth of the stream. A session offers events to the sink, counts the deliveries that come back, and says how far the
// slot may be confirmed. A session starts where the slot stands, with nothing in flight, and ends with the connection. Knows neither
// PostgreSQL nor Kafka, no output plugin, no clock. Tested by test/unit/session_test.cpp.
#pragma once

#include "core/dialect.h"
#include "core/oldest_commit.h"
#include "core/sink.h"
#include "core/tracker.h"

#include <functional>
#include <string>

namespace outbox {

class Session {
public:
    using RejectedListener = std::function<void(const Rejected &)>;

    // The number tells this session's chunks from those of earlier sessions, which may still be in flight. The budget outlives the session.
    Session(uint64_t number, Budget &budget, RejectedListener on_rejected)
        : number_(number), budget_(&budget), on_rejected_(std::move(on_rejected)) {}

    // The session after this one, with the next number.
    Session next() const { return Session(number_ + 1, *budget_, on_rejected_); }

    // Takes the next bytes of the stream; all items of the bytes before have been offered. The dialect outlives the session.
    void take(CopyData data, Dialect &dialect);

    // Offers the items that were taken. False where the sink is busy: the rest stays, to be offered again. Throws FormatError, and what the
    // sink throws.
    bool offer(Sink &sink);
    bool is_offering() const { return offering_.chunk != nullptr; }
    void give_up_offering() { offering_.chunk.reset(); }

    // The server has read the WAL up to `wal_end`. Ignored while the server has read beyond events that it has not sent: its LSN may lie
    // behind them.
    void keepalive(Lsn wal_end) {
        if (!is_ahead_)
            tracker_.keepalive(wal_end);
    }

    // The sink has delivered an event of the chunk. A chunk of an earlier session counts for nothing, since the slot sends its events
    // again.
    void delivered(const Chunk &chunk) {
        if (chunk.session() != number_)
            return;
        tracker_.delivered(chunk.transaction());
        events_in_flight_--;
    }

    // The number of events that the sink has taken and not delivered; the topic of the event that was offered last.
    uint64_t events_in_flight() const { return events_in_flight_; }
    const std::string &last_topic() const { return last_topic_; }
    int64_t oldest_commit_ms() { return oldest_commit_.commit_time_ms(tracker_.oldest(), tracker_.begun()); } // 0: none is in flight

    Lsn oldest_end() const { return tracker_.oldest_end(); } // the end of the oldest transaction in flight; 0: none is in flight
    Lsn confirmed() const { return tracker_.confirmed(); }
    bool in_transaction() const { return tracker_.in_transaction(); }
    size_t transactions_in_flight() const { return tracker_.size(); }
    uint64_t transactions() const { return tracker_.begun(); }            // that have begun
    bool is_waiting() const { return !tracker_.idle() || is_offering(); } // something is in flight, or waits for the sink's room

private:
    // The bytes that were taken, until every item of them has been offered.
    struct Offering {
        Chunk::Pointer chunk = nullptr; // null: nothing is to be offered
        std::string_view rest = {};     // the chunk's bytes that are not offered yet
        Dialect *dialect = nullptr;     // of the chunk's bytes
        Item *item = nullptr;           // the item for which the sink was busy; null: none
    };

    bool take_item(Sink &sink, Item &item, bool is_first);
    void begin(const Begin &begin, bool is_first);
    bool offer_event(Sink &sink, Event &event);
    void reject(const Event &event);
    void commit(Sink &sink, const Commit &commit);

    uint64_t number_;
    Budget *budget_;
    RejectedListener on_rejected_;
    Tracker tracker_;
    Tracker::Number transaction_ = 0; // the open transaction, or the last one
    Begin begin_;
    Lsn after_{};         // the end of the last complete transaction
    uint64_t events_ = 0; // of the open transaction
    uint64_t events_in_flight_ = 0;
    std::string last_topic_;
    OldestCommit oldest_commit_;
    bool is_ahead_ = false; // the server has read the WAL beyond the events that it has sent
    Offering offering_;
};

} // namespace outbox
