#include "core/ledger.h"

#include <spdlog/fmt/fmt.h>

namespace outbox {

void Ledger::resume(const Position &as_read, Lsn events, Lsn slot_confirmed) {
    Position found = as_named_now(as_read);
    if (is_resumed_ && !found.covers(position_))
        throw Regressed(fmt::format("Kafka has acknowledged a Kafka transaction up to {} and shows the position {}: the Kafka transaction "
                                    "ended without its events, which come again",
                                    format_lsn(position_.end), format_lsn(found.end)));
    is_resumed_ = true;
    position_ = found;
    events_ = std::min(events, found.end);
    is_shown_ = true;
    acknowledged_ = shown_ = std::max(acknowledged_, found.complete ? found.end : slot_confirmed);
    split_ = found.complete || found.end <= ended_ ? std::nullopt : std::optional<Lsn>(found.end);
    require_invariants();
}

void Ledger::require_rest(Lsn transaction) {
    if (!split_)
        return;
    if (is_rest_by_another_name(transaction)) {
        named_before_ = *split_;
        split_ = position_.end = named_now_ = transaction;
    }
    if (transaction < *split_)
        return;
    if (transaction > *split_)
        throw RestIsMissing(
            fmt::format("exactly-once delivery cannot go on: of the transaction at {} {} events are in Kafka, and the slot "
                        "does not have the rest any more. To go on without the rest: outbox-relay setup --delivery exactly-once "
                        "--reset-state",
                        format_lsn(*split_), position_.ordinal));
    split_.reset();
}

// WAL records begin and end at even LSNs, so pgoutput's name of a transaction is odd (within_record() in pgoutput_dialect.cpp) and the
// extension's plugin gives an even one.
bool Ledger::is_rest_by_another_name(Lsn transaction) const {
    auto is_odd = [](Lsn lsn) { return static_cast<uint64_t>(lsn) % 2 != 0; };
    if (position_.after == Lsn{} || is_odd(transaction) == is_odd(*split_) || transaction <= position_.after)
        return false;
    return is_odd(*split_) ? transaction > *split_ : transaction < *split_;
}

Position Ledger::as_named_now(Position found) const {
    if (!found.complete && found.end == named_before_)
        found.end = named_now_;
    return found;
}

void Ledger::ended(Lsn transaction) {
    if (split_ == transaction)
        split_.reset();
    ended_ = transaction;
}

void Ledger::acknowledged(const Position &position, Lsn last_complete, bool has_events) {
    require(is_resumed_, "a commit before the position was read");
    require(is_shown_, "a commit on top of a Kafka transaction that nobody can see");
    require(position.covers(position_), "a commit goes back");
    require(last_complete <= position.end, "a complete transaction beyond the position");
    position_ = position;
    is_shown_ = false;
    acknowledged_ = std::max(acknowledged_, position.complete ? position.end : last_complete);
    if (has_events)
        events_ = position.end;
    require_invariants();
}

bool Ledger::shown(const Position &seen) {
    if (is_shown_ || !as_named_now(seen).covers(position_))
        return is_shown_;
    is_shown_ = true;
    shown_ = acknowledged_;
    require_invariants();
    return true;
}

std::optional<Position> Ledger::overdue() const {
    if (delivered_ < position_.end || (delivered_ == position_.end && position_.complete))
        return std::nullopt;
    return Position{delivered_, 0, true};
}

void Ledger::require_invariants() const {
    require(shown_ <= acknowledged_ && confirmable() <= shown_, "more can be confirmed than is shown, or more is shown than acknowledged");
    require(!is_shown_ || shown_ == acknowledged_, "what can be seen counts for nothing");
}

} // namespace outbox
