#include "core/batch.h"

namespace outbox {

void Batch::taken(Time now) {
    if (size() == 1)
        opened_at_ = now;
    in_transaction_ = true;
    wants_close_ |= size() >= events_max;
}

// A full batch splits a transaction of the stream. So does a batch that has been open for split_after, since an open Kafka transaction
// holds up the consumers of all its topics.
bool Batch::is_due(Time now, bool is_full) const {
    if (empty())
        return false;
    if (is_full)
        return true;
    return in_transaction_ ? now >= opened_at_ + split_after : wants_close_ || now >= opened_at_ + interval_;
}

Batch::Time Batch::due(Time now) const {
    if (empty())
        return Time::max();
    if (in_transaction_)
        return opened_at_ + split_after;
    return now < closed_at_ + interval_ ? closed_at_ + interval_ : opened_at_ + interval_;
}

// A transaction of the stream is complete within the part where the next event of the batch belongs to another transaction.
void Batch::close(size_t part, Time now) {
    part_ = part;
    const Entry &last = entries_[part_ - 1];
    bool is_complete = has_rest() ? entries_[part_].commit() != last.commit() : !in_transaction_;
    end_ = {is_complete ? last.end() : last.commit(), last.ordinal, is_complete, last.chunk->after()};
    is_closed_ = true;
    closed_at_ = now;
}

void Batch::close_with(const Position &end) {
    part_ = 0;
    end_ = end;
    is_closed_ = true;
}

Lsn Batch::last_complete() const {
    if (end_.complete)
        return end_.end;
    for (size_t i = part_; i > 0; i--)
        if (entries_[i - 1].commit() != end_.end)
            return entries_[i - 1].end();
    return Lsn{};
}

void Batch::cut(size_t index) {
    Lsn transaction = entries_[index].commit();
    entries_.erase(entries_.begin() + static_cast<long>(index), entries_.end());
    stopped_within(transaction);
    is_closed_ = !empty(); // an empty batch has no position of its own
    part_ = size();
}

void Batch::remove_part() {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<long>(part_));
    part_ = 0;
}

void Batch::clear() {
    entries_.clear();
    part_ = 0;
    reopen();
}

} // namespace outbox
