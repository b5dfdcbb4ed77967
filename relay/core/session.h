// One connection's worth of the stream: events go to the sink, deliveries come back, and what may be confirmed follows from both.
// Starts where the slot stands, with nothing; ends with the connection. Knows neither PostgreSQL nor Kafka, no output plugin, no clock.
// Tested by test/unit/session_test.cpp.
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

    // The number tells this session's chunks from those of earlier ones, which may still be in flight.
    Session(uint64_t number, Budget &budget, RejectedListener on_rejected)
        : number_(number), budget_(&budget), on_rejected_(std::move(on_rejected)) {}

    // One that follows it, with another number.
    Session next() const { return Session(number_ + 1, *budget_, on_rejected_); }

    // The next bytes of the stream, in a dialect that outlives the session; all before have been offered.
    void take(CopyData data, Dialect &dialect);

    // Offers what was taken. False where the sink is busy: the rest stays, to be offered again. Throws FormatError, and what the sink
    // throws.
    bool offer(Sink &sink);
    bool is_offering() const { return chunk_ != nullptr; }
    void give_up_offering() { chunk_.reset(); }

    // Counts for nothing while the server has events that it did not send yet: its position may be beyond them.
    void keepalive(Lsn wal_end) {
        if (!is_ahead_)
            tracker_.keepalive(wal_end);
    }

    // Also of chunks of earlier sessions, which count for nothing any more: the slot sends their events again.
    void delivered(const Chunk &chunk) {
        if (chunk.session() != number_)
            return;
        tracker_.delivered(chunk.transaction());
        events_in_flight_--;
    }

    // What is accepted by the sink and not delivered, and the topic of the event that was offered last.
    uint64_t events_in_flight() const { return events_in_flight_; }
    const std::string &last_topic() const { return last_topic_; }
    int64_t oldest_commit_ms() { return oldest_commit_.commit_time_ms(tracker_.oldest(), tracker_.begun()); } // 0: none is in flight

    Lsn oldest_end() const { return tracker_.oldest_end(); } // of its transaction; 0: none is in flight
    Lsn confirmed() const { return tracker_.confirmed(); }
    bool in_transaction() const { return tracker_.in_transaction(); }
    size_t transactions_in_flight() const { return tracker_.size(); }
    uint64_t transactions() const { return tracker_.begun(); }            // that have begun
    bool is_waiting() const { return !tracker_.idle() || is_offering(); } // for the sink, in one way or the other

private:
    bool take_item(Sink &sink, Item &item, bool is_first);
    void begin(const Begin &begin, bool is_first);
    bool offer_event(Sink &sink, Event &event);
    void reject(const Event &event);
    void commit(Sink &sink, const Commit &commit);

    uint64_t number_;
    Budget *budget_;
    RejectedListener on_rejected_;
    Tracker tracker_;
    Tracker::Number transaction_ = 0; // the open one, or the last
    Begin begin_;
    Lsn after_{};         // the end of the transaction that was complete last
    uint64_t events_ = 0; // of it
    uint64_t events_in_flight_ = 0;
    std::string last_topic_;
    OldestCommit oldest_commit_;
    bool is_ahead_ = false;
    Chunk::Pointer chunk_;
    std::string_view rest_;      // of its bytes
    Dialect *dialect_ = nullptr; // theirs
    Item *item_ = nullptr;       // the sink was busy when it was offered
};

} // namespace outbox
