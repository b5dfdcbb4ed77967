#include "core/session.h"

namespace outbox {

void Session::take(CopyData data) {
    chunk_ = Chunk::create(std::move(data.memory), data.lines, number_, *budget_);
    chunk_->set_transaction(transaction_, begin_.end);
    rest_ = chunk_->lines();
}

bool Session::offer(Sink &sink) {
    while (!rest_.empty()) {
        size_t end = rest_.find('\n');
        if (!take_line(sink, rest_.substr(0, end)))
            return false;
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    }
    chunk_.reset();
    return true;
}

bool Session::take_line(Sink &sink, std::string_view line) {
    switch (kind_of(line)) {
    case LineKind::begin: begin(line); break;
    case LineKind::commit: commit(sink, line); break;
    case LineKind::rejected:
        if (!tracker_.in_transaction())
            throw FormatError("a rejected message outside a transaction of the stream");
        on_rejected_(parse_rejected(line));
        break;
    case LineKind::ahead: is_ahead_ = parse_ahead(line); break;
    case LineKind::envelope: return offer_event(sink, line);
    }
    return true;
}

bool Session::offer_event(Sink &sink, std::string_view line) {
    if (!tracker_.in_transaction())
        throw FormatError("an event outside a transaction of the stream");
    Event event = parse_event(line);
    event.ordinal = events_ + 1;
    if (last_topic_ != event.topic)
        last_topic_ = event.topic;
    Offer answer = sink.offer(begin_, event, *chunk_);
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
    std::string lsn = format_lsn(begin_.end);
    on_rejected_({lsn, "the topic is Kafka's or the relay's own", event.id, event.topic});
}

// A chunk belongs to one transaction.
void Session::begin(std::string_view line) {
    if (tracker_.in_transaction())
        throw FormatError("a transaction of the stream begins where it must not");
    if (line.data() != chunk_->lines().data())
        chunk_ = chunk_->sibling();
    begin_line_.assign(line); // the transaction may outlive the chunk
    begin_ = parse_begin(begin_line_);
    transaction_ = tracker_.begin(begin_.end);
    oldest_commit_.begun(transaction_, begin_.commit_time_ms);
    chunk_->set_transaction(transaction_, begin_.end);
    events_ = 0;
}

void Session::commit(Sink &sink, std::string_view line) {
    Commit commit = parse_commit(line);
    if (!tracker_.in_transaction() || commit.end != begin_.end || commit.events != events_)
        throw FormatError("a transaction of the stream is incomplete");
    tracker_.commit(commit.end);
    sink.commit(commit);
}

} // namespace outbox
