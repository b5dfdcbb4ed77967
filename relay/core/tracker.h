// The transactions in flight in commit order, and which of them are delivered: the at-least-once guarantee. Pure: no I/O, no clock, no
// library. Tested by test/unit/tracker_test.cpp, also against a naive model.
//
// Invariants, asserted: at most one transaction is open, and it is the last; no transaction has more deliveries than events; the confirmed
// position never goes back; a finished transaction never stays at the front.
#pragma once

#include "core/wire.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace outbox {

// A ring of transactions {end LSN, events not yet delivered}. The ring grows with the transactions in flight, whose number the relay bounds
// (see size()).
class Tracker {
public:
    using Number = uint64_t; // a transaction's, from 0 in each session

    // The stream begins a transaction. `commit` is a place in the transaction's commit record.
    Number begin(Lsn commit) {
        require(!open_, "a transaction begins within another");
        if (count_ == ring_.size())
            grow();
        at(first_ + count_) = {commit, 0};
        open_ = true;
        return first_ + count_++;
    }

    // The sink takes one more event of the open transaction.
    void add() {
        require(open_, "an event outside a transaction");
        at(last()).pending++;
    }

    // The open transaction is complete, and its commit record ends at `end`. From now on the transaction can be confirmed.
    void commit(Lsn end) {
        require(open_ && at(last()).end <= end, "a commit without its begin");
        at(last()).end = end;
        open_ = false;
        retire();
    }

    // The sink has delivered so many `events` of the transaction.
    void delivered(Number transaction, uint32_t events = 1) {
        require(transaction - first_ < count_, "a delivery for an unknown transaction");
        Transaction &entry = at(transaction);
        require(entry.pending >= events, "more deliveries than events");
        entry.pending -= events;
        if (transaction == first_)
            retire();
    }

    // The server has read the WAL up to `wal_end`, and this tracker has seen all transactions before that LSN.
    void keepalive(Lsn wal_end) {
        keepalive_ = std::max(keepalive_, wal_end);
        if (idle())
            confirm(keepalive_);
    }

    // Everything up to this LSN is delivered. 0: nothing is known yet.
    Lsn confirmed() const { return confirmed_; }

    bool idle() const { return count_ == 0; }
    bool in_transaction() const { return open_; }
    size_t size() const { return count_; }             // transactions in flight
    Number oldest() const { return first_; }           // the number of the oldest transaction in flight; begun() where there is none
    uint64_t begun() const { return first_ + count_; } // transactions so far
    Lsn oldest_end() const { return idle() ? Lsn{} : ring_[first_ & (ring_.size() - 1)].end; } // of the oldest in flight

private:
    struct Transaction {
        Lsn end; // of its commit record; while the transaction is open, a place in that record
        uint64_t pending;
    };

    static void require(bool condition, const char *what) {
        if (!condition)
            throw std::logic_error(what);
    }

    Transaction &at(Number number) { return ring_[number & (ring_.size() - 1)]; }
    Number last() const { return first_ + count_ - 1; }

    void confirm(Lsn lsn) { confirmed_ = std::max(confirmed_, lsn); }

    void retire() {
        while (count_ > 0 && at(first_).pending == 0 && !(open_ && count_ == 1)) {
            confirm(at(first_).end);
            first_++;
            count_--;
        }
        if (idle())
            confirm(keepalive_);
    }

    void grow() {
        std::vector<Transaction> larger(ring_.size() * 2);
        for (Number number = first_; number < first_ + count_; number++)
            larger[number & (larger.size() - 1)] = at(number);
        ring_.swap(larger);
    }

    std::vector<Transaction> ring_ = std::vector<Transaction>(1024); // a power of two
    Number first_ = 0;
    size_t count_ = 0;
    bool open_ = false;
    Lsn keepalive_{};
    Lsn confirmed_{};
};

} // namespace outbox
