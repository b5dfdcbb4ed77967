#include "core/session.h"

#include <utility>

namespace outbox {

void Session::take(CopyData data, Dialect &dialect) {
    offering_.chunk = Chunk::create(std::move(data.memory), data.bytes, number_, *budget_);
    offering_.chunk->set_transaction(transaction_, begin_.commit, begin_.commit_time_ms, after_);
    offering_.rest = offering_.chunk->bytes();
    offering_.dialect = &dialect;
    offering_.item = nullptr;
}

bool Session::offer(Sink &sink) {
    for (;;) {
        bool is_first = offering_.rest.size() == offering_.chunk->bytes().size();
        Item *item = offering_.item != nullptr ? std::exchange(offering_.item, nullptr) : offering_.dialect->next(offering_.rest);
        if (item == nullptr)
            break;
        if (!take_item(sink, *item, is_first)) {
            offering_.item = item;
            return false;
        }
    }
    offering_.chunk.reset();
    return true;
}

bool Session::take_item(Sink &sink, Item &item, bool is_first) {
    if (auto *event = std::get_if<Event>(&item))
        return offer_event(sink, *event);
    if (auto *transaction = std::get_if<Begin>(&item))
        begin(*transaction, is_first);
    else if (auto *end = std::get_if<Commit>(&item))
        commit(sink, *end);
    else if (auto *ahead = std::get_if<Ahead>(&item))
        is_ahead_ = ahead->is_ahead;
    else if (!tracker_.in_transaction())
        throw FormatError("a rejected message outside a transaction of the stream");
    else
        on_rejected_(std::get<Rejected>(item));
    return true;
}

bool Session::offer_event(Sink &sink, Event &event) {
    if (!tracker_.in_transaction())
        throw FormatError("an event outside a transaction of the stream");
    event.ordinal = events_ + 1;
    if (last_topic_ != event.topic)
        last_topic_ = event.topic;
    Offer answer = sink.offer(begin_, event, *offering_.chunk);
    if (answer == Offer::busy)
        return false;
    if (answer == Offer::taken) {
        tracker_.add();
        events_in_flight_++;
    }
    if (answer == Offer::rejected)
        reject(event);
    events_++;
    return true;
}

void Session::reject(const Event &event) {
    on_rejected_({begin_.commit, "the topic is Kafka's or the relay's own", event.id, event.topic});
}

// Begins a transaction of the stream. A chunk belongs to one transaction, so each further one of a CopyData gets a sibling.
void Session::begin(const Begin &begin, bool is_first) {
    if (tracker_.in_transaction())
        throw FormatError("a transaction of the stream begins where it must not");
    if (!is_first)
        offering_.chunk = offering_.chunk->sibling();
    begin_ = begin;
    transaction_ = tracker_.begin(begin_.commit);
    oldest_commit_.begun(transaction_, begin_.commit_time_ms);
    offering_.chunk->set_transaction(transaction_, begin_.commit, begin_.commit_time_ms, after_);
    events_ = 0;
}

void Session::commit(Sink &sink, const Commit &commit) {
    bool is_its_own = begin_.end ? commit.end == *begin_.end : commit.end > begin_.commit;
    if (!tracker_.in_transaction() || !is_its_own || commit.events != events_)
        throw FormatError("a transaction of the stream is incomplete");
    tracker_.commit(commit.end);
    after_ = commit.end;
    sink.commit(commit);
}

} // namespace outbox
