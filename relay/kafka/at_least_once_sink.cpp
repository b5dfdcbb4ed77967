#include "kafka/at_least_once_sink.h"

#include "base/log_fields.h"

#include <algorithm>
#include <utility>

namespace outbox {
namespace {

constexpr auto look_again = std::chrono::milliseconds(5); // between two looks for room for the next record

} // namespace

AtLeastOnceSink::AtLeastOnceSink(KafkaTarget &target, Budget &budget, DeliveryListener &listener)
    : target_(target), listener_(listener), budget_(budget), window_(budget.limit()) {}

AtLeastOnceSink::~AtLeastOnceSink() {
    is_closing_ = true;
    producer_.reset();
    budget_.give_back(entries_.size() * sizeof(Entry));
}

void AtLeastOnceSink::start(const Source &source) {
    source_ = source;
    served_ = {};
    target_.learned.quarantine.follow(target_.on_poison == OnPoison::dead_letter, target_.skip_ids);
    target_.learned.quarantine.forget_before(source.confirmed);
    if (!producer_)
        producer_ = make_producer(care_ = {});
}

// Forgets the events that are not on their way: they come again from the slot, and an operator may have skipped the one that waited.
void AtLeastOnceSink::stop() {
    forget_queued();
    refusals_.forget();
}

// Follows the budget, which an operator may have changed, and asks for a new producer where passwords or certificates have changed.
void AtLeastOnceSink::reload() {
    window_.set_memory(budget_.limit());
    renewal_.ask(target_, producer_.get());
}

// ---- producers ------------------------------------------------------------------------------------------------------

std::unique_ptr<KafkaProducer> AtLeastOnceSink::make_producer(Care care) {
    reread_properties(target_);
    KafkaConf conf = make_kafka_conf(target_.brokers, target_.properties);
    care.put_into(conf.get());
    if (size_t events = events_in_flight_set(target_.properties); events > 0)
        window_ = Window::fixed(events);
    return std::make_unique<KafkaProducer>(std::move(conf), target_.learned.log_ends, static_cast<KafkaProducer::Listener &>(*this));
}

Care AtLeastOnceSink::care_for(EventPosition position, int64_t commit_time_ms) const {
    if (refusals_.wants_alone(position))
        return {.survives_refusals = true};
    return {.one_batch = is_forgotten_at_once(commit_time_ms, served_.wall_ms, care_.one_batch),
            .has_many_topics = target_.learned.has_many_topics,
            .batch_bytes = target_.learned.size_limits.batch_bytes(served_.at)};
}

// True where the producer can take one more record with this care. A producer is replaced only when no record is on its way, so no record
// is repeated.
bool AtLeastOnceSink::make_room(Care care) {
    size_t in_flight = producer_ ? producer_->in_flight() : 0;
    if (in_flight >= (care.survives_refusals ? 1 : refusals_.in_flight_max()))
        return false;
    if (producer_ && care == care_ && target_.bears_topics(producer_->topics()))
        return true;
    if (in_flight > 0) {
        producer_->flush();
        return false;
    }
    producer_.reset();
    producer_ = make_producer(care_ = care);
    return true;
}

// ---- offering -------------------------------------------------------------------------------------------------------

Offer AtLeastOnceSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    if (!producer_ || queued_ > 0 || renewal_.is_asked())
        return Offer::busy;
    if (target_.is_reserved(event.topic))
        return Offer::rejected;
    EventPosition position{chunk.commit(), event.ordinal};
    if (target_.learned.quarantine.stops_at(position)) {
        if (!entries_.empty())
            return Offer::busy;
        throw poisoned(event, transaction.commit, transaction.commit_time_ms, target_);
    }
    if (!make_room(care_for(position, transaction.commit_time_ms)))
        return Offer::busy;
    if (!window_.has_room()) {
        window_.held_up(producer_->lanes());
        return Offer::busy;
    }
    Entry &entry = entries_.emplace_back(Entry{nullptr, event.line, transaction.commit_time_ms, event.ordinal});
    budget_.take(sizeof(Entry));
    size_t cost = 0;
    KafkaProducer::Outcome outcome = events_.produce(*producer_, event, transaction.commit_time_ms, chunk, entry, cost);
    if (outcome == KafkaProducer::Outcome::taken) {
        entry.chunk.reset(chunk.retain(cost));
        entry.cost_bytes = static_cast<uint32_t>(cost);
        on_its_way(entry);
        return Offer::taken;
    }
    entries_.pop_back();
    budget_.give_back(sizeof(Entry));
    if (outcome == KafkaProducer::Outcome::failed)
        end_producer();
    return Offer::busy; // a refused event stops the stream at the next offer
}

// Produces again the records that were on their way to a producer that has ended. They do not linger: they have waited, and the groups
// among which a refused record is looked for are smaller than a request.
void AtLeastOnceSink::repeat() {
    if (queued_ == 0)
        return;
    produce_queued();
    if (producer_)
        producer_->flush();
}

void AtLeastOnceSink::produce_queued() {
    while (queued_ > 0) {
        Entry &entry = entries_[entries_.size() - queued_];
        if (entry.state == Entry::State::accepted) {
            queued_--;
            continue;
        }
        if (target_.learned.quarantine.stops_at(entry.position()))
            return stop_at(entry);
        if (refusals_.suspects(entry.position()) && Clock::now() < refusals_.retry_at())
            return;
        if (!make_room(care_for(entry.position(), entry.commit_time_ms)))
            return;
        size_t cost;
        switch (events_.produce(*producer_, entry.event(), entry.commit_time_ms, *entry.chunk, entry, cost)) {
        case KafkaProducer::Outcome::taken: break;
        case KafkaProducer::Outcome::busy: return;
        case KafkaProducer::Outcome::refused: continue;
        case KafkaProducer::Outcome::failed: return end_producer();
        }
        on_its_way(entry);
        queued_--;
    }
}

void AtLeastOnceSink::on_its_way(Entry &entry) {
    entry.state = Entry::State::in_flight;
    if (entries_.size() == 1)
        window_.resumes(Clock::now());
    window_.taken(entry.bytes);
}

// Throws once every event before this one is delivered. No event after this one ever is.
void AtLeastOnceSink::stop_at(const Entry &entry) {
    if (producer_ && producer_->in_flight() > 0)
        return;
    PoisonedEvent poison = poisoned(entry.event(), entry.commit(), entry.commit_time_ms, target_);
    forget_queued();
    throw poison;
}

void AtLeastOnceSink::forget_queued() {
    entries_.erase(entries_.end() - static_cast<long>(queued_), entries_.end());
    budget_.give_back(queued_ * sizeof(Entry));
    queued_ = 0;
}

// Ends the linger where the stream is quiet. Where as much is in flight as may be, the stream has more to bring, and the linger fills the
// requests. A number of events that somebody has set may be too small to fill any.
void AtLeastOnceSink::flush() {
    bool is_held_up = !window_.has_room() || budget_.exhausted();
    if (producer_ && (!is_held_up || window_.is_fixed()))
        producer_->flush();
}

// ---- serving --------------------------------------------------------------------------------------------------------

void AtLeastOnceSink::serve() {
    served_ = {};
    if (producer_) {
        producer_->serve();
        window_.served(Clock::now());
        judge();
    }
    repeat();
    if (producer_)
        renewal_.serve(target_, *producer_, producer_->in_flight() == 0);
}

Clock::time_point AtLeastOnceSink::serve_at() const {
    return std::min(repeat_at(), producer_ ? producer_->serve_at() : Clock::time_point::max());
}

// When repeat() is due.
Clock::time_point AtLeastOnceSink::repeat_at() const {
    if (queued_ == 0)
        return Clock::time_point::max();
    const Entry &entry = entries_[entries_.size() - queued_];
    if (entry.state != Entry::State::accepted && refusals_.suspects(entry.position()))
        return std::max(refusals_.retry_at(), Clock::now() + look_again);
    if (producer_ && producer_->retry_at() != Clock::time_point::max())
        return producer_->retry_at();
    bool waits = producer_ && (producer_->in_flight() > 0 || producer_->is_looking_up());
    return waits ? Clock::now() + look_again : Clock::now();
}

std::string AtLeastOnceSink::waiting_for() const {
    if (refusals_.waits())
        return refusals_.waiting_for();
    return producer_ ? producer_->waiting_for() : "";
}

void AtLeastOnceSink::reported(const rd_kafka_message_t &message, rd_kafka_resp_err_t error) {
    if (is_closing_) // the sink goes, and with it whoever would hear
        return;
    Entry &entry = *static_cast<Entry *>(message._private);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return acknowledged(entry);
    if (!producer_) // the producer ends, and judge() queues the record again
        return;
    note_delivery_error(error, target_);
    if (blame_of(error) != Blame::operation)
        refusals_.add({&entry, error, rd_kafka_topic_name(message.rkt), producer_->report()});
    else if (failure_.empty())
        failure_ = fmt::format("topic \"{}\": {}", rd_kafka_topic_name(message.rkt), words_of(error));
}

void AtLeastOnceSink::acknowledged(Entry &entry) {
    refusals_.accepted(entry.position());
    events_.settled(entry);
    window_.delivered(entry.bytes);
    listener_.delivered(*entry.chunk);
    entry.state = Entry::State::accepted;
    entry.chunk->give_back(entry.cost_bytes);
    entry.chunk.reset();
    for (; !entries_.empty() && entries_.front().state == Entry::State::accepted; entries_.pop_front())
        budget_.give_back(sizeof(Entry));
    queued_ = std::min(queued_, entries_.size());
    if (producer_)
        producer_->all_is_well();
}

void AtLeastOnceSink::producer_died(const std::string &reason) {
    is_dead_ = true;
    failure_ = "the Kafka producer failed: " + reason;
}

// The slot is confirmed beyond the lost records, so the relay cannot deliver them again.
void AtLeastOnceSink::records_lost(const std::string &sentence) {
    say(spdlog::level::err, {.event = LogEvent::records_lost}, "{}; the relay goes on", sentence);
}

// The producer takes no more records, for a reason that its reports have.
void AtLeastOnceSink::end_producer() {
    if (failure_.empty())
        failure_ = fmt::format("topic \"{}\": {}", events_.topic(), rd_kafka_err2str(producer_->error()));
    is_dead_ = true;
    judge();
}

// ---- refusals -------------------------------------------------------------------------------------------------------

// Called after the producer's reports have been served.
void AtLeastOnceSink::judge() {
    if (is_dead_ || (!refusals_.empty() && !care_.survives_refusals))
        producer_->take_back(); // reports of records that were still on their way may have the reason
    if (refusals_.empty() && failure_.empty())
        return;
    std::vector<Refused> refused = refusals_.take();
    std::string failure = std::exchange(failure_, {});
    if (refused.empty())
        throw SinkFailure(failure);
    bool was_alone = care_.survives_refusals;
    if (is_dead_ || !was_alone)
        producer_.reset();
    is_dead_ = false;
    queue_again();
    refusals_.judge(refused, was_alone, producer_.get());
}

// Queues every record that is not acknowledged, in order, including those that stood behind the records of an ended producer.
void AtLeastOnceSink::queue_again() {
    queued_ = entries_.size();
    window_.clear();
    for (Entry &entry : entries_)
        if (entry.state == Entry::State::in_flight)
            entry.state = Entry::State::queued;
}

} // namespace outbox
