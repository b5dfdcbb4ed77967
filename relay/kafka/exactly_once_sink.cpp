#include "kafka/exactly_once_sink.h"

#include "base/exit_code.h"

#include <algorithm>
#include <utility>

namespace outbox {
namespace {

constexpr auto look_again = std::chrono::milliseconds(2); // whether a commit can be seen
constexpr auto goodbye = std::chrono::milliseconds(500);  // for the abort at the end of a session
constexpr auto phase_max = std::chrono::seconds(60);
constexpr auto said_after = std::chrono::seconds(2);

bool is_purged(rd_kafka_resp_err_t error) { return error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT; }

} // namespace

ExactlyOnceSink::ExactlyOnceSink(KafkaTarget &target, std::chrono::milliseconds commit_interval, const Budget &budget,
                                 DeliveryListener &listener)
    : target_(target), budget_(budget), listener_(listener), batch_(commit_interval) {}

// ---- the session ----------------------------------------------------------------------------------------------------

void ExactlyOnceSink::start(const Source &source) {
    stop();
    source_ = source;
    target_.quarantine.follow(target_.on_poison == OnPoison::dead_letter, target_.skip_ids);
    target_.quarantine.forget_before(source.confirmed);
    position_.start();
    open_producer();
}

void ExactlyOnceSink::open_producer() {
    reread_properties(target_);
    KafkaConf conf = make_transactional_conf(target_.brokers, target_.properties, transactional_id(source_));
    care_.put_into(conf.get());
    transaction_.reset();
    transaction_ = std::make_unique<KafkaTransaction>(std::move(conf), target_.log_ends, static_cast<KafkaProducer::Listener &>(*this));
    phase_ = Phase::fencing;
}

ExactlyOnceSink::Step ExactlyOnceSink::require(Step step) {
    if (step == Step::lost)
        throw SinkFailure(transaction_->reason());
    return step;
}

void ExactlyOnceSink::fence() {
    if (require(transaction_->fence()) == Step::waiting) {
        if (!producer().kafka().is_away() && Clock::now() > phase_since_ + said_after && waiting_.changed(transaction_->reason()))
            spdlog::warn("waiting for Kafka to begin transactions: {}", transaction_->reason());
        return;
    }
    producer().answered();
    position_.begin_reading();
    phase_ = Phase::reading;
}

void ExactlyOnceSink::read_position() {
    if (!position_.read())
        return;
    waiting_.clear();
    begin();
}

void ExactlyOnceSink::begin() {
    position_.begin();
    if (!batch_.empty()) // what could not go with the last transaction
        return begin_again();
    require(transaction_->begin());
    batch_.reopen();
    examination_.begin();
    phase_ = Phase::open;
}

// An open transaction would hold up those who read committed records. One that is being committed is left to the next producer.
void ExactlyOnceSink::stop() {
    bool is_open = phase_ == Phase::open || phase_ == Phase::finishing || phase_ == Phase::repeating || phase_ == Phase::aborting;
    phase_ = Phase::closed;
    if (is_open && death_.empty())
        transaction_->abort_within(goodbye);
    position_.stop();
    transaction_.reset();
    batch_.clear();
    failure_.clear();
    death_.clear();
    transaction_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    examination_.forget();
    pace_.progressed();
    care_ = {};
}

// ---- offering -------------------------------------------------------------------------------------------------------

Offer ExactlyOnceSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    if (phase_ != Phase::open || examination_.stops() || renewal_.is_asked())
        return Offer::busy;
    require_rest(transaction.end);
    if (ledger().covers(transaction.end, event.ordinal))
        return Offer::passed;
    if (target_.is_reserved(event.topic))
        return Offer::rejected;
    if (target_.quarantine.stops_at({transaction.end, event.ordinal}))
        return stop_at(transaction, event);
    bool is_old = is_forgotten_at_once(transaction.commit_time_ms, now_ms(), care_.one_batch);
    if (batch_.empty() && !use_care({.one_batch = is_old, .batch_bytes = target_.size_limits.batch_bytes(Clock::now())}))
        return Offer::busy;
    Entry &entry = batch_.add(Entry{nullptr, event.line, transaction.commit_time_ms, event.ordinal});
    size_t cost = 0;
    KafkaProducer::Outcome outcome = event_producer_.produce(producer(), event, transaction.commit_time_ms, chunk, entry, cost);
    if (outcome == KafkaProducer::Outcome::taken) {
        batch_.taken(Clock::now());
        entry.chunk.reset(chunk.retain(cost + sizeof(Entry)));
        entry.state = Entry::State::in_flight;
        return Offer::taken;
    }
    batch_.not_taken();
    if (outcome == KafkaProducer::Outcome::refused)
        return stop_at(transaction, event);
    if (outcome == KafkaProducer::Outcome::failed)
        note_failed_produce();
    return Offer::busy;
}

// Between two batches. A producer with another configuration fences this one, and reads the position again.
bool ExactlyOnceSink::use_care(Care care) {
    if (care == care_)
        return true;
    if (!ledger().is_shown())
        return false;
    care_ = care;
    source_.wal_end = std::max(source_.wal_end, ledger().position().end);
    open_producer();
    return false;
}

void ExactlyOnceSink::note_failed_produce() {
    if (failure_.empty())
        failure_ = fmt::format("topic \"{}\": {}", event_producer_.topic(), rd_kafka_err2str(producer().error()));
    react();
}

// The events before it are delivered first.
Offer ExactlyOnceSink::stop_at(const Begin &transaction, const Event &event) {
    examination_.stop_at(event, transaction.end, transaction.commit_time_ms);
    if (!batch_.empty()) {
        batch_.stopped_within(transaction.end);
        close_batch();
    }
    return Offer::busy;
}

void ExactlyOnceSink::require_rest(Lsn end) {
    try {
        position_.ledger().require_rest(end);
    } catch (const RestIsMissing &missing) {
        throw Failure(ExitCode::position_refused, missing.what());
    }
}

void ExactlyOnceSink::commit(const Commit &commit) {
    position_.ledger().ended(commit.end);
    batch_.transaction_ended();
    if (phase_ == Phase::open && batch_.is_due(Clock::now(), false))
        close_batch();
}

// Nobody else is coming: the batch need not wait for company. But a stream of single events is not a Kafka transaction for each: every one
// costs the brokers a marker in each partition that it touches, and their coordinator three records.
void ExactlyOnceSink::flush() {
    if (phase_ == Phase::open && batch_.may_close_early(Clock::now()))
        close_batch();
}

void ExactlyOnceSink::hurry() {
    if (phase_ == Phase::open && batch_.may_close())
        close_batch();
}

Lsn ExactlyOnceSink::confirmable(Lsn delivered) {
    position_.ledger().delivered(delivered);
    return ledger().confirmable();
}

// ---- committing -----------------------------------------------------------------------------------------------------

void ExactlyOnceSink::close_batch() {
    batch_.close(Clock::now());
    phase_ = Phase::finishing;
}

void ExactlyOnceSink::close_part() {
    batch_.close(batch_.part(), Clock::now());
    phase_ = Phase::finishing;
}

void ExactlyOnceSink::keep_position() {
    batch_.close_with(*ledger().overdue());
    phase_ = Phase::finishing;
}

bool ExactlyOnceSink::produce_position() {
    KafkaProducer::Outcome outcome = position_.produce(producer(), batch_);
    if (outcome != KafkaProducer::Outcome::taken && outcome != KafkaProducer::Outcome::busy && failure_.empty())
        failure_ = fmt::format("state topic \"{}\": {}", target_.state_topic, rd_kafka_err2str(producer().error()));
    return outcome == KafkaProducer::Outcome::taken;
}

// librdkafka commits when everything is acknowledged; it cannot wait for that itself while the reports come as events.
void ExactlyOnceSink::finish() {
    if (produce_position()) {
        producer().flush(true);
        producer().serve();
    }
    react();
    if (phase_ != Phase::finishing || !position_.is_produced() || producer().in_flight() > 0 || !ledger().is_shown())
        return;
    phase_ = Phase::committing;
    commit_batch();
}

void ExactlyOnceSink::commit_batch() {
    switch (require(transaction_->commit())) {
    case Step::done: return committed();
    case Step::must_abort:
        failure_ = transaction_->reason();
        phase_ = Phase::aborting;
        return;
    default: return;
    }
}

void ExactlyOnceSink::committed() {
    // A late copy of a request that was sent twice must find no transaction that it could end: a new epoch.
    bool is_doubtful = transaction_->is_doubtful();
    position_.acknowledged(batch_);
    pace_.committed();
    producer().all_is_well();
    for (size_t i = 0; i < batch_.part(); i++) {
        event_producer_.settled(batch_[i]);
        listener_.delivered(*batch_[i].chunk);
    }
    batch_.remove_part();
    examination_.committed(!batch_.empty());
    if (!is_doubtful)
        return begin();
    source_.wal_end = std::max(source_.wal_end, ledger().position().end);
    open_producer();
}

// ---- failing --------------------------------------------------------------------------------------------------------

void ExactlyOnceSink::react() {
    if (!loss_.empty()) // nothing is committed on top of what is lost
        throw Failure(ExitCode::position_refused,
                      loss_ + ". Exactly-once delivery stops here: decide whether consumers can do without the lost records, and start the "
                              "relay again to go on after them");
    if (!death_.empty())
        throw SinkFailure(death_);
    if (phase_ == Phase::aborting || phase_ == Phase::closed || (failure_.empty() && !examination_.has_refusals()))
        return;
    if (!examination_.has_refusals()) {
        transaction_error_ = transaction_->failure();
        if (transaction_error_ != RD_KAFKA_RESP_ERR_NO_ERROR)
            failure_ = transaction_->reason();
    }
    phase_ = Phase::aborting;
}

void ExactlyOnceSink::abort_batch() {
    Step step = transaction_->abort();
    if (!death_.empty())
        throw SinkFailure(death_);
    if (require(step) == Step::done)
        aborted();
}

void ExactlyOnceSink::aborted() {
    if (transaction_->was_ended_twice()) // a late copy would end the next transaction, and take its events away
        throw SinkFailure("aborting a Kafka transaction took a second request", true);
    pace_.aborted(Clock::now());
    if (examination_.judge(batch_, std::exchange(transaction_error_, RD_KAFKA_RESP_ERR_NO_ERROR), care_, producer()))
        pace_.progressed();
    else if (!failure_.empty())
        pace_.failed(failure_, examination_.is_running());
    failure_.clear();
    position_.begin();
    begin_again();
}

// With the events of the batch that have not been committed.
void ExactlyOnceSink::begin_again() {
    examination_.divide(batch_);
    Care care = {.each_alone = examination_.wants_each_alone(),
                 .one_batch = care_.one_batch,
                 .batch_bytes = target_.size_limits.batch_bytes(Clock::now())};
    if (!(care == care_) && ledger().is_shown()) {
        use_care(care);
        return;
    }
    require(transaction_->begin());
    produced_ = 0;
    phase_ = Phase::repeating;
}

// ---- repeating ------------------------------------------------------------------------------------------------------

void ExactlyOnceSink::throw_poison() {
    if (!examination_.stops())
        return;
    phase_ = Phase::closed; // with no event in the transaction
    throw examination_.take_poison();
}

// Produces what nobody knows yet whether Kafka takes it, in groups, and then has the transaction aborted.
void ExactlyOnceSink::examine() {
    for (; produced_ < batch_.part(); produced_++) {
        Entry &entry = batch_[produced_];
        if (entry.state == Entry::State::accepted)
            continue;
        if (examination_.waits_at(entry.position()) && Clock::now() < examination_.retry_at())
            return;
        if (producer().in_flight() >= examination_.limit_at(entry.position(), care_))
            return producer().flush();
        if (!produce_again(entry))
            return;
    }
    producer().flush();
    if (producer().in_flight() > 0)
        return;
    examination_.end();
    phase_ = Phase::aborting;
}

void ExactlyOnceSink::repeat() {
    if (Clock::now() < pace_.next_at())
        return;
    if (examination_.is_running())
        return examine();
    for (; produced_ < batch_.part(); produced_++)
        if (!produce_again(batch_[produced_]))
            return;
    if (batch_.has_rest())
        close_part();
    else if (batch_.is_closed() && !batch_.empty())
        close_batch();
    else
        phase_ = batch_.is_closed() ? Phase::finishing : Phase::open;
}

// False where nothing more can be produced at the moment.
bool ExactlyOnceSink::produce_again(Entry &entry) {
    size_t cost;
    switch (event_producer_.produce(producer(), entry.event(), entry.commit_time_ms, *entry.chunk, entry, cost)) {
    case KafkaProducer::Outcome::taken: entry.state = Entry::State::in_flight; return true;
    case KafkaProducer::Outcome::failed: note_failed_produce(); return false;
    case KafkaProducer::Outcome::refused: phase_ = Phase::aborting; return false; // it stops the stream
    case KafkaProducer::Outcome::busy: break;
    }
    bool waits_for_topic = producer().retry_at() != Clock::time_point::max();
    if (waits_for_topic && produced_ > 0) // what comes before it does not wait
        batch_.set_part(produced_);
    return false;
}

// ---- serving --------------------------------------------------------------------------------------------------------

void ExactlyOnceSink::serve() {
    if (phase_ == Phase::closed)
        return;
    producer().serve();
    react();
    renewal_.serve(target_, producer(), phase_ == Phase::open && batch_.empty() && ledger().is_shown());
    if (phase_ != Phase::fencing && phase_ != Phase::reading)
        position_.read_back();
    require_progress();
    switch (phase_) {
    case Phase::fencing: return fence();
    case Phase::reading: return read_position();
    case Phase::finishing: return finish();
    case Phase::committing: return commit_batch();
    case Phase::aborting: return abort_batch();
    case Phase::repeating: return repeat();
    case Phase::open: return serve_open();
    case Phase::closed: return;
    }
}

void ExactlyOnceSink::serve_open() {
    if (ledger().is_shown() && batch_.empty())
        throw_poison();
    bool waits_for_topic = producer().retry_at() != Clock::time_point::max();
    auto now = Clock::now();
    if (batch_.is_due(now, budget_.exhausted() || waits_for_topic)) {
        close_batch();
    } else if (batch_.empty() && now >= position_.due()) {
        keep_position();
    }
}

Clock::time_point ExactlyOnceSink::serve_at() const {
    auto at = transaction_ ? std::min(next_step_at(), producer().serve_at()) : next_step_at();
    return awaits_sight() ? std::min(at, Clock::now() + look_again) : at;
}

Clock::time_point ExactlyOnceSink::next_step_at() const {
    switch (phase_) {
    case Phase::closed: return Clock::time_point::max();
    case Phase::repeating:
        if (examination_.is_running() && !batch_.empty() && examination_.waits_at(batch_[0].position()))
            return std::max(pace_.next_at(), examination_.retry_at());
        if (producer().retry_at() != Clock::time_point::max())
            return std::max(pace_.next_at(), producer().retry_at());
        return std::max(pace_.next_at(), Clock::now() + std::chrono::milliseconds(1));
    case Phase::finishing: // without a position where its topic is waited for, or nothing has been tried yet
        if (!position_.is_produced() && producer().retry_at() != Clock::time_point::max())
            return producer().retry_at();
        return Clock::now() + std::chrono::milliseconds(1);
    case Phase::open: break;
    default: return Clock::now(); // the calls themselves wait
    }
    if ((examination_.stops() && ledger().is_shown()) || (!batch_.empty() && budget_.exhausted()))
        return Clock::now();
    if (!batch_.empty())
        return batch_.due(Clock::now());
    return position_.due();
}

// librdkafka goes on by itself in these phases, and sometimes never again. A new producer is always safe.
void ExactlyOnceSink::require_progress() {
    auto now = Clock::now();
    if (std::exchange(watched_phase_, phase_) != phase_)
        phase_since_ = now;
    bool is_bounded = phase_ == Phase::fencing || phase_ == Phase::reading || phase_ == Phase::committing || phase_ == Phase::aborting;
    producer().expect_answer(is_bounded);
    if (is_bounded && now > phase_since_ + phase_max)
        throw SinkFailure("Kafka neither begins nor ends a transaction for a minute");
}

std::string ExactlyOnceSink::waiting_for() const {
    if (examination_.waits())
        return examination_.waiting_for();
    return transaction_ ? producer().waiting_for() : "";
}

void ExactlyOnceSink::reported(const rd_kafka_message_t &message) {
    auto *entry = static_cast<Entry *>(message._private); // null: the position's record
    if (phase_ == Phase::closed)
        return;
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (entry != nullptr)
            accepted(*entry);
        return;
    }
    if (is_purged(message.err)) { // librdkafka does that by itself where the transaction has failed, and logs why
        if (phase_ != Phase::aborting && failure_.empty())
            failure_ = "the Kafka transaction has failed";
        return;
    }
    if (entry != nullptr && blame_of(message.err) != Blame::operation) {
        return examination_.refused(*entry, message.err, rd_kafka_topic_name(message.rkt), producer().report());
    }
    if (is_about_topic(message.err))
        producer().forget_topic(rd_kafka_topic_name(message.rkt)); // looked up again, and waited for
    if (failure_.empty() && phase_ != Phase::aborting)
        failure_ = fmt::format("topic \"{}\": {}", rd_kafka_topic_name(message.rkt), rd_kafka_err2str(message.err));
}

// By Kafka; by consumers only when the transaction is committed.
void ExactlyOnceSink::accepted(Entry &entry) {
    entry.state = Entry::State::accepted;
    if (!examination_.is_running())
        return;
    pace_.progressed();
    examination_.accepted(entry);
}

} // namespace outbox
