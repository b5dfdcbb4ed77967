// The events of one Kafka transaction, in the stream's order, until that Kafka transaction is committed; and the moment at which the batch
// is closed, after which no event gets in. Pure; the clock is the caller's. Tested by test/unit/batch_test.cpp, also against a naive model.
//
// Where an event has to wait, or nothing can stand for an event, the Kafka transaction has only the first events of the batch, its part.
// The other events stay for the next Kafka transaction.
#pragma once

#include "core/entry.h"
#include "core/position.h"

#include <chrono>
#include <deque>
#include <utility>

namespace outbox {

class Batch {
public:
    using Time = std::chrono::steady_clock::time_point;
    // a batch that has so many is closed at the next end of a transaction: more than the relay delivers within the default interval
    static constexpr size_t events_max = 50000;
    // memory held for the events of a batch; a slow Kafka would take more than that for longer than its transaction may last
    static constexpr size_t bytes_max = 64 << 20;
    // a batch that is open for so long splits its transaction: a third of transaction.timeout.ms
    static constexpr std::chrono::milliseconds split_after{10000};

    // The batch is due when its first event has waited for `interval`.
    explicit Batch(std::chrono::milliseconds interval) : interval_(interval) {}

    bool empty() const { return entries_.empty(); }
    size_t size() const { return entries_.size(); }
    Entry &operator[](size_t index) { return entries_[index]; } // the reference is good until the entry is removed
    const Entry &operator[](size_t index) const { return entries_[index]; }

    // Adds the next event of the stream as a candidate. taken(): its record is on the way to Kafka. not_taken(): the candidate goes.
    Entry &add(Entry entry) { return entries_.emplace_back(std::move(entry)); }
    void taken(Time now);
    void not_taken() { entries_.pop_back(); }

    // The stream has ended the transaction of the last event.
    void transaction_ended(Lsn end) {
        if (std::exchange(in_transaction_, false) && !empty())
            entries_.back().ended = end;
    }

    // Whether the batch is to be closed: its interval is over, or `is_full` says that memory has no room for another event.
    bool is_due(Time now, bool is_full) const;
    Time due(Time now) const; // the time at which is_due() and may_close_early() can have another answer
    // Whether the batch may be closed between two transactions of the stream. may_close_early(): the last batch was closed an interval ago,
    // so this one need not wait for more events.
    bool may_close() const { return !empty() && !in_transaction_; }
    bool may_close_early(Time now) const { return may_close() && now >= closed_at_ + interval_; }

    // Closes the batch with all its events; with the first `part` events; without events, for a position alone.
    void close(Time now) { close(size(), now); }
    void close(size_t part, Time now);
    void close_with(const Position &end);
    // After a refusal the batch takes no more events; once the batch is committed, another one begins.
    void let_nothing_in() { is_closed_ = true; }
    bool is_closed() const { return is_closed_; }

    // Of a closed batch: the position that is written with its part, and the end of the last transaction of the stream that the part
    // completes.
    const Position &end() const { return end_; }
    Lsn last_complete() const;

    // set_part(): the next Kafka transaction has the first `count` events. cut(): no event from `index` on is ever delivered.
    void set_part(size_t count) { part_ = count; }
    size_t part() const { return part_; }
    bool has_rest() const { return part_ < size(); }
    void cut(size_t index);
    // The next event, of this transaction, stops the stream: where the batch ends within the transaction, its position is within it, too.
    void stopped_within(Lsn transaction) { in_transaction_ = !empty() && entries_.back().commit() == transaction; }

    // The part is committed: its events leave the batch.
    void remove_part();
    // A Kafka transaction begins with no event.
    void reopen() { in_transaction_ = wants_close_ = is_closed_ = false; }
    void clear();

private:
    std::chrono::milliseconds interval_;
    std::deque<Entry> entries_;
    size_t part_ = 0;
    Time opened_at_{};            // when the first event of the batch came
    Time closed_at_{};            // when this batch, or else the last one, was closed
    bool in_transaction_ = false; // the stream has not ended the transaction of the last event
    bool wants_close_ = false;    // the batch is closed at the next end of a transaction
    bool is_closed_ = false;
    Position end_;
};

} // namespace outbox
