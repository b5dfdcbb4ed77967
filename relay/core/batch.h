// The events of one Kafka transaction, in the stream's order, until the transaction is committed; and when it is closed, so that nothing
// more gets in. Pure; the clock is the caller's. Tested by test/unit/batch_test.cpp, also against a naive model.
//
// Where an event has to wait or nothing can stand for it, the Kafka transaction has the first events of the batch only, its part. The
// others stay for the next one.
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
    static constexpr size_t events_max = 20000;                    // closed at the next end of a transaction
    static constexpr std::chrono::milliseconds split_after{10000}; // a third of transaction.timeout.ms

    // Closed when its first event has waited for `interval`.
    explicit Batch(std::chrono::milliseconds interval) : interval_(interval) {}

    bool empty() const { return entries_.empty(); }
    size_t size() const { return entries_.size(); }
    Entry &operator[](size_t index) { return entries_[index]; } // stays where it is until it is removed
    const Entry &operator[](size_t index) const { return entries_[index]; }

    // The next event of the stream: a candidate, until it is on its way to Kafka or turns out not to be.
    Entry &add(Entry entry) { return entries_.emplace_back(std::move(entry)); }
    void taken(Time now);
    void not_taken() { entries_.pop_back(); }

    // The stream has ended the transaction of the last event.
    void transaction_ended(Lsn end) {
        if (std::exchange(in_transaction_, false) && !empty())
            entries_.back().ended = end;
    }

    // Whether to close it: with no more than its turn, or since there is no room for more.
    bool is_due(Time now, bool is_full) const;
    Time due(Time now) const; // when is_due() and may_close_early() are worth asking again
    // Between two transactions of the stream; and when the last batch was closed long enough ago that this one need not wait for company.
    bool may_close() const { return !empty() && !in_transaction_; }
    bool may_close_early(Time now) const { return may_close() && now >= closed_at_ + interval_; }

    // With all its events; with its part; with none, for a position alone.
    void close(Time now) { close(size(), now); }
    void close(size_t part, Time now);
    void close_with(const Position &end);
    // A refusal: once the batch is committed as it is, another one begins.
    void let_nothing_in() { is_closed_ = true; }
    bool is_closed() const { return is_closed_; }

    // Of a closed batch: the position that goes with its part, and the end of the last transaction of the stream that is complete with it.
    const Position &end() const { return end_; }
    Lsn last_complete() const;

    // The next Kafka transaction has the first `count` events. Or: nothing from `index` on is ever delivered.
    void set_part(size_t count) { part_ = count; }
    size_t part() const { return part_; }
    bool has_rest() const { return part_ < size(); }
    void cut(size_t index);
    // An event of the transaction comes next, and stops the stream.
    void stopped_within(Lsn transaction) { in_transaction_ = !empty() && entries_.back().commit() == transaction; }

    // The part is committed.
    void remove_part();
    // A new Kafka transaction, with no event yet.
    void reopen() { in_transaction_ = wants_close_ = is_closed_ = false; }
    void clear();

private:
    std::chrono::milliseconds interval_;
    std::deque<Entry> entries_;
    size_t part_ = 0;
    Time opened_at_{};            // when its first event came
    Time closed_at_{};            // this or the last one
    bool in_transaction_ = false; // more of the last event's transaction is to come
    bool wants_close_ = false;    // at the next end of a transaction
    bool is_closed_ = false;
    Position end_;
};

} // namespace outbox
