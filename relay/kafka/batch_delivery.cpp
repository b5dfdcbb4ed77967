#include "kafka/batch_delivery.h"

#include "base/exit_code.h"
#include "kafka/rotation.h"

#include "base/log.h"

#include <algorithm>
#include <utility>

namespace outbox {
namespace {

constexpr auto goodbye = std::chrono::milliseconds(500); // for the abort at the end of a session
constexpr auto look_again = std::chrono::milliseconds(1);
constexpr auto look_seldom = std::chrono::milliseconds(20); // where a delivery report wakes the loop up

} // namespace

BatchDelivery::BatchDelivery(KafkaTarget &target, const Source &source, KeptPosition &position, std::chrono::milliseconds commit_interval,
                             DeliveryListener &listener)
    : target_(target), source_(source), position_(position), listener_(listener), batch_(commit_interval) {}

// ---- one producer after the other -----------------------------------------------------------------------------------

void BatchDelivery::open_producer() {
    reread_properties(target_);
    KafkaConf conf = make_transactional_conf(target_.brokers, target_.properties, transactional_id(source_));
    care_.put_into(conf.get());
    transaction_.reset();
    transaction_ =
        std::make_unique<KafkaTransaction>(std::move(conf), target_.learned.log_ends, static_cast<KafkaProducer::Listener &>(*this));
    stage_ = Stage::closed;
}

KafkaTransaction::Step BatchDelivery::require(Step step) const {
    if (step == Step::lost)
        throw SinkFailure(transaction_->reason());
    return step;
}

void BatchDelivery::begin() {
    position_.begin();
    if (!batch_.empty()) // events that could not go with the last Kafka transaction
        return begin_again();
    require(transaction_->begin());
    batch_.reopen();
    examination_.begin();
    stage_ = Stage::open;
}

// Aborts an open Kafka transaction, which would hold up consumers that read committed records.
void BatchDelivery::stop() {
    bool is_open = stage_ != Stage::closed && stage_ != Stage::committing;
    stage_ = Stage::closed;
    if (is_open && found_.death.empty())
        transaction_->abort_within(goodbye);
    transaction_.reset();
    batch_.clear();
    found_ = {};
    examination_.forget();
    pace_.progressed();
    care_ = {};
}

// ---- the open batch -------------------------------------------------------------------------------------------------

Offer BatchDelivery::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    if (target_.learned.quarantine.stops_at({transaction.commit, event.ordinal}))
        return stop_at(transaction, event);
    if (batch_.empty() && !use_care({.one_batch = is_forgotten_at_once(transaction.commit_time_ms, now_ms(), care_.one_batch),
                                     .has_many_topics = target_.learned.has_many_topics,
                                     .batch_bytes = target_.learned.size_limits.batch_bytes(Clock::now())}))
        return Offer::busy;
    switch (events_.add(producer(), batch_, transaction, event, chunk)) {
    case BatchProducer::Outcome::taken:
        if (batch_.size() == 1)
            target_.learned.part_limit.began(Clock::now());
        return Offer::taken;
    case BatchProducer::Outcome::refused: return stop_at(transaction, event);
    case BatchProducer::Outcome::failed: note_failed_produce(); break;
    case BatchProducer::Outcome::busy: break;
    }
    return Offer::busy;
}

// Between two batches another care takes another producer, which fences this one and reads the position again.
bool BatchDelivery::use_care(const Care &care) {
    if (care == care_ && target_.bears_topics(producer().topics()))
        return true;
    if (position_.ledger().is_shown()) {
        care_ = care;
        stage_ = Stage::closed;
    }
    return false;
}

// Stops the stream at the event, whose predecessors are delivered first.
Offer BatchDelivery::stop_at(const Begin &transaction, const Event &event) {
    examination_.stop_at(event, transaction.commit, transaction.commit_time_ms);
    if (!batch_.empty()) {
        batch_.stopped_within(transaction.commit);
        close();
    }
    return Offer::busy;
}

void BatchDelivery::note_failed_produce() {
    found_.fail(fmt::format("topic \"{}\"", events_.topic()), producer().error());
    react();
}

PoisonedEvent BatchDelivery::stop_at_poison() {
    stage_ = Stage::closed; // no event is in the Kafka transaction
    return examination_.take_poison();
}

std::string BatchDelivery::waiting_for() const {
    if (examination_.waits())
        return examination_.waiting_for();
    return has_producer() ? producer().waiting_for() : "";
}

// ---- committing -----------------------------------------------------------------------------------------------------

// Ends the batch. The delivery waits until everything is acknowledged before it commits: librdkafka's own wait in
// rd_kafka_commit_transaction() needs delivery reports by callback, and the relay takes them as events.
void BatchDelivery::finish() {
    KafkaProducer::Outcome outcome = position_.produce(producer(), batch_);
    if (outcome == KafkaProducer::Outcome::taken) {
        producer().flush(true);
        producer().serve();
    } else if (outcome != KafkaProducer::Outcome::busy) {
        found_.fail(fmt::format("state topic \"{}\"", target_.state_topic), producer().error());
    }
    react();
    if (stage_ != Stage::finishing || !position_.is_produced() || producer().in_flight() > 0 || !position_.ledger().is_shown())
        return;
    stage_ = Stage::committing;
    commit();
}

void BatchDelivery::commit() {
    Step step = require(transaction_->commit());
    if (step == Step::done)
        return committed();
    if (step == Step::must_abort) {
        found_.failure = transaction_->reason();
        stage_ = Stage::aborting;
    }
}

void BatchDelivery::committed() {
    target_.learned.tallies->transactions.add("committed");
    // Where the request to end was sent twice, its late copy must not find the next Kafka transaction: another producer begins a new epoch.
    bool is_doubtful = transaction_->is_doubtful();
    position_.acknowledged(batch_);
    pace_.committed();
    target_.learned.part_limit.committed(batch_.part(), Clock::now());
    producer().all_is_well();
    for (size_t i = 0; i < batch_.part(); i++) {
        events_.settled(batch_[i]);
        listener_.delivered(*batch_[i].chunk);
    }
    batch_.remove_part();
    examination_.committed(!batch_.empty());
    if (is_doubtful)
        stage_ = Stage::closed;
    else
        begin();
}

// ---- failing --------------------------------------------------------------------------------------------------------

void BatchDelivery::reported(const rd_kafka_message_t &message, rd_kafka_resp_err_t error) {
    auto *entry = static_cast<Entry *>(message._private); // null: the position's record
    if (stage_ == Stage::closed)
        return;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (entry == nullptr)
            return;
        // Kafka has accepted the record; consumers see the event when the Kafka transaction is committed
        entry->state = Entry::State::accepted;
        if (!examination_.is_running())
            return;
        pace_.progressed();
        return examination_.accepted(*entry);
    }
    note_delivery_error(error, target_);
    const char *topic = rd_kafka_topic_name(message.rkt);
    if (is_purged(error)) { // librdkafka purges by itself where the Kafka transaction has failed, and logs why
        if (stage_ != Stage::aborting)
            found_.fail("the Kafka transaction has failed");
        return;
    }
    if (entry != nullptr && blame_of(error) != Blame::operation)
        return examination_.refused(*entry, error, topic, producer().report());
    bool is_late = error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT; // also the error of a topic that has been deleted
    found_.is_late |= is_late;
    if (is_about_topic(error) || is_late)
        producer().forget_topic(topic); // the topic is looked up again, and waited for
    if (stage_ != Stage::aborting)
        found_.fail(fmt::format("topic \"{}\"", topic), error);
}

void BatchDelivery::react() {
    found_.require_none_fatal();
    if (stage_ == Stage::aborting || stage_ == Stage::closed || (found_.failure.empty() && !examination_.has_refusals()))
        return;
    if (!examination_.has_refusals()) {
        found_.error = transaction_->failure();
        if (found_.error != RD_KAFKA_RESP_ERR_NO_ERROR)
            found_.failure = transaction_->reason();
    }
    stage_ = Stage::aborting;
}

void BatchDelivery::abort() {
    Step step = transaction_->abort();
    if (!found_.death.empty())
        throw SinkFailure(found_.death);
    if (require(step) == Step::done)
        aborted();
}

void BatchDelivery::aborted() {
    target_.learned.tallies->transactions.add("aborted");
    if (transaction_->was_ended_twice()) // a late copy of the request would end the next Kafka transaction, whose events would be lost
        throw SinkFailure("aborting a Kafka transaction took a second request", true);
    pace_.aborted(Clock::now());
    if (std::exchange(found_.is_late, false))
        note_slowness();
    if (examination_.judge(batch_, std::exchange(found_.error, RD_KAFKA_RESP_ERR_NO_ERROR), care_, producer()))
        pace_.progressed();
    else if (!found_.failure.empty())
        pace_.failed(found_.failure, examination_.is_running());
    found_.failure.clear();
    position_.begin();
    begin_again();
}

// Where Kafka is away, no number of events is small enough.
void BatchDelivery::note_slowness() {
    size_t events = batch_.is_closed() ? batch_.part() : batch_.size(), accepted = 0;
    for (size_t i = 0; i < events; i++)
        accepted += batch_[i].state == Entry::State::accepted;
    if (accepted == 0 && producer().kafka().is_away())
        return;
    PartLimit &limit = target_.learned.part_limit;
    size_t before = limit.limit();
    limit.timed_out(events, accepted, Clock::now());
    if (limit.limit() < before)
        spdlog::info("Kafka has not taken {} events in the time of a Kafka transaction; the next ones have at most {}", events,
                     limit.limit());
}

// ---- repeating ------------------------------------------------------------------------------------------------------

// Begins another Kafka transaction with the events of the batch that are not committed.
void BatchDelivery::begin_again() {
    examination_.divide(batch_);
    batch_.set_part(std::min(batch_.part(), target_.learned.part_limit.limit()));
    target_.learned.part_limit.began(Clock::now());
    Care care = care_;
    care.each_alone = examination_.wants_each_alone();
    care.batch_bytes = target_.learned.size_limits.batch_bytes(Clock::now());
    if (position_.ledger().is_shown() && !use_care(care))
        return;
    require(transaction_->begin());
    events_.begin_again();
    stage_ = Stage::repeating;
}

void BatchDelivery::repeat() {
    if (Clock::now() < pace_.next_at())
        return;
    bool is_examining = examination_.is_running();
    switch (is_examining ? events_.examine(producer(), batch_, examination_, care_) : events_.repeat(producer(), batch_)) {
    case BatchProducer::Outcome::busy: return;
    case BatchProducer::Outcome::failed: return note_failed_produce();
    case BatchProducer::Outcome::refused: stage_ = Stage::aborting; return; // the refused event stops the stream
    case BatchProducer::Outcome::taken: break;
    }
    if (is_examining) {
        examination_.end();
        stage_ = Stage::aborting;
        return;
    }
    if (batch_.has_rest() || (batch_.is_closed() && !batch_.empty()))
        batch_.close(batch_.part(), Clock::now());
    stage_ = batch_.is_closed() ? Stage::finishing : Stage::open;
}

// ---- serving --------------------------------------------------------------------------------------------------------

void BatchDelivery::step() {
    switch (stage_) {
    case Stage::finishing: return finish();
    case Stage::committing: return commit();
    case Stage::aborting: return abort();
    case Stage::repeating: return repeat();
    default: return;
    }
}

Clock::time_point BatchDelivery::step_at() const {
    auto now = Clock::now();
    if (is_ending())
        return transaction_->step_at();
    auto look_at = now + (producer().in_flight() > 0 ? look_seldom : look_again);
    auto topic_at = producer().retry_at() != Clock::time_point::max() ? producer().retry_at() : look_at;
    if (stage_ == Stage::finishing) // no position yet: its topic is waited for, or nothing has been tried
        return position_.is_produced() ? look_at : topic_at;
    bool waits = examination_.is_running() && !batch_.empty() && examination_.waits_at(batch_[0].position());
    return std::max(pace_.next_at(), waits ? examination_.retry_at() : topic_at);
}

} // namespace outbox
