#include "kafka/exactly_once_sink.h"

#include "base/exit_code.h"

#include <algorithm>
#include <utility>

namespace outbox {
namespace {

constexpr auto position_interval = std::chrono::milliseconds(1000); // of positions without events
constexpr auto look_again = std::chrono::milliseconds(2);           // whether a commit can be seen
constexpr auto shows_within = std::chrono::seconds(10);             // a commit; less than transaction.timeout.ms
constexpr auto goodbye = std::chrono::milliseconds(500);            // for the abort at the end of a session
constexpr auto phase_max = std::chrono::seconds(60);
constexpr auto said_after = std::chrono::seconds(2);
constexpr int aborts_max = 8;              // then a new producer
constexpr size_t alone_in_flight_max = 64; // records that are a batch each

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
    ledger_ = {}; // nothing is confirmed before the position is read
    open_producer();
}

void ExactlyOnceSink::open_producer() {
    reread_properties(target_);
    KafkaConf conf = make_transactional_conf(target_.brokers, target_.properties, transactional_id(source_));
    auto set = [&conf](const char *property, const char *value) { rd_kafka_conf_set(conf.get(), property, value, nullptr, 0); };
    if (care_.one_batch)
        set("max.in.flight.requests.per.connection", "1");
    if (care_.batch_bytes != 0)
        set("batch.size", std::to_string(care_.batch_bytes).c_str());
    if (care_.each_alone) {
        set("batch.num.messages", "1");
        set("linger.ms", "0");
    }
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
    reader_ = std::make_unique<StateReader>(target_, state_key(source_));
    phase_ = Phase::reading;
}

void ExactlyOnceSink::read_position() {
    try {
        bool done = reader_->advance();
        if (!reader_->waiting_for().empty() && waiting_.changed(reader_->waiting_for()))
            spdlog::warn("waiting for {}", reader_->waiting_for());
        if (!done)
            return;
        reader_->require_readable();
        Position found = resume(reader_->state(), source_);
        ledger_.resume(found, reader_->state()->events, source_.confirmed);
    } catch (const Regressed &regressed) {
        throw SinkFailure(regressed.what(), true);
    } catch (const PositionRefused &refused) {
        // Between the look at the server and the look at the state this process may have slept, and another relay have gone on meanwhile.
        if (std::exchange(target_.was_refused, true))
            throw Failure(ExitCode::position_refused, refused.what());
        throw SinkFailure(refused.what(), true);
    }
    target_.was_refused = false;
    waiting_.clear();
    stored_at_ = Clock::now();
    spdlog::info("exactly once from {} on", format_lsn(ledger_.position().end));
    begin();
}

void ExactlyOnceSink::begin() {
    has_position_ = false;
    if (!batch_.empty()) // what could not go with the last transaction
        return begin_again();
    require(transaction_->begin());
    batch_.reopen();
    was_examined_ = false;
    phase_ = Phase::open;
}

// An open transaction would hold up those who read committed records. One that is being committed is left to the next producer.
void ExactlyOnceSink::stop() {
    bool is_open = phase_ == Phase::open || phase_ == Phase::finishing || phase_ == Phase::repeating || phase_ == Phase::aborting;
    phase_ = Phase::closed;
    if (is_open && death_.empty())
        transaction_->abort_within(goodbye);
    reader_.reset();
    transaction_.reset();
    batch_.clear();
    failure_.clear();
    death_.clear();
    poison_.reset();
    refused_.clear();
    transaction_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    examination_.end();
    suspicion_.forget();
    care_ = {};
    is_examining_ = was_examined_ = false;
    aborts_ = 0;
}

// ---- offering -------------------------------------------------------------------------------------------------------

Offer ExactlyOnceSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    if (phase_ != Phase::open || poison_ || renewal_.is_asked())
        return Offer::busy;
    require_rest(transaction.end);
    if (ledger_.covers(transaction.end, event.ordinal))
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
    if (!ledger_.is_shown())
        return false;
    care_ = care;
    source_.wal_end = std::max(source_.wal_end, ledger_.position().end);
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
    poison_ = poisoned(event, transaction.end, transaction.commit_time_ms, target_);
    if (!batch_.empty()) {
        batch_.stopped_within(transaction.end);
        close_batch();
    }
    return Offer::busy;
}

void ExactlyOnceSink::require_rest(Lsn end) {
    try {
        ledger_.require_rest(end);
    } catch (const RestIsMissing &missing) {
        throw Failure(ExitCode::position_refused, missing.what());
    }
}

void ExactlyOnceSink::commit(const Commit &commit) {
    ledger_.ended(commit.end);
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
    ledger_.delivered(delivered);
    return ledger_.confirmable();
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

// The slot may be confirmed only up to what the state topic has: also where there was nothing to deliver, as on an idle database.
bool ExactlyOnceSink::position_is_due() const { return phase_ == Phase::open && batch_.empty() && ledger_.overdue(); }

void ExactlyOnceSink::keep_position() {
    batch_.close_with(*ledger_.overdue());
    phase_ = Phase::finishing;
}

bool ExactlyOnceSink::produce_position() {
    if (has_position_)
        return true;
    std::string key = state_key(source_),
                value =
                    format_state({batch_.end(), batch_.empty() ? ledger_.events() : batch_.end().end, source_.timeline, source_.topics});
    KafkaRecord record;
    record.topic = target_.state_topic;
    record.key = key.data();
    record.key_size = key.size();
    record.value = value.data();
    record.value_size = value.size();
    record.copies = true;
    record.headers.reset(rd_kafka_headers_new(1));
    KafkaProducer::Outcome outcome = producer().produce(record, nullptr);
    has_position_ = outcome == KafkaProducer::Outcome::taken;
    if (!has_position_ && outcome != KafkaProducer::Outcome::busy && failure_.empty())
        failure_ = fmt::format("state topic \"{}\": {}", target_.state_topic, rd_kafka_err2str(producer().error()));
    return has_position_;
}

// librdkafka commits when everything is acknowledged; it cannot wait for that itself while the reports come as events.
void ExactlyOnceSink::finish() {
    if (produce_position()) {
        producer().flush(true);
        producer().serve();
    }
    react();
    if (phase_ != Phase::finishing || !has_position_ || producer().in_flight() > 0 || !ledger_.is_shown())
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
    ledger_.acknowledged(batch_.end(), batch_.last_complete(), batch_.part() > 0);
    stored_at_ = Clock::now();
    aborts_ = 0;
    abort_backoff_.reset();
    if (abort_condition_.clear())
        spdlog::info("Kafka transactions are committed again");
    producer().all_is_well();
    for (size_t i = 0; i < batch_.part(); i++) {
        event_producer_.settled(batch_[i]);
        listener_.delivered(*batch_[i].chunk);
    }
    batch_.remove_part();
    is_examining_ = !batch_.empty();
    was_examined_ = false;
    if (!is_doubtful)
        return begin();
    source_.wal_end = std::max(source_.wal_end, ledger_.position().end);
    open_producer();
}

// The position is in the same transaction as the events, so who sees the one sees the others.
void ExactlyOnceSink::read_back() {
    if (ledger_.is_shown() || phase_ == Phase::fencing || phase_ == Phase::reading)
        return;
    reader_->follow();
    const std::optional<State> &state = reader_->state();
    bool is_shown = state && ledger_.shown(state->position);
    if (!is_shown && Clock::now() > stored_at_ + shows_within)
        throw SinkFailure(fmt::format("Kafka has acknowledged a transaction and does not show it in the state topic \"{}\"; nothing of "
                                      "it is confirmed",
                                      target_.state_topic));
}

// ---- failing --------------------------------------------------------------------------------------------------------

void ExactlyOnceSink::react() {
    if (!loss_.empty()) // nothing is committed on top of what is lost
        throw Failure(ExitCode::position_refused,
                      loss_ + ". Exactly-once delivery stops here: decide whether consumers can do without the lost records, and start the "
                              "relay again to go on after them");
    if (!death_.empty())
        throw SinkFailure(death_);
    if (phase_ == Phase::aborting || phase_ == Phase::closed || (failure_.empty() && refused_.empty()))
        return;
    if (refused_.empty()) {
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
    repeat_at_ = Clock::now();
    judge();
    failure_.clear();
    has_position_ = false;
    begin_again();
}

// With the events of the batch that have not been committed.
void ExactlyOnceSink::begin_again() {
    divide();
    Care care = {is_examining_ && examination_.is_alone(), care_.one_batch, target_.size_limits.batch_bytes(Clock::now())};
    if (!(care == care_) && ledger_.is_shown()) {
        use_care(care);
        return;
    }
    require(transaction_->begin());
    produced_ = 0;
    phase_ = Phase::repeating;
}

// ---- refusals -------------------------------------------------------------------------------------------------------

// After the abort, when every report has been seen. A transaction can also fail as a whole, and nobody says for which record: then those
// that were on their way are taken for a batch.
void ExactlyOnceSink::judge() {
    std::vector<Refused> refused = std::exchange(refused_, {});
    rd_kafka_resp_err_t error = std::exchange(transaction_error_, RD_KAFKA_RESP_ERR_NO_ERROR);
    if (transaction_->was_ended_twice()) // a late copy would end the next transaction, and take its events away
        throw SinkFailure("aborting a Kafka transaction took a second request", true);
    bool is_of_all = refused.empty() && blame_of(error) != Blame::operation;
    for (size_t i = 0; i < batch_.size(); i++) {
        Entry &entry = batch_[i];
        if (entry.state != Entry::State::in_flight)
            continue;
        entry.state = Entry::State::queued;
        if (is_of_all)
            refused.push_back({&entry, error, "", 0});
    }
    if (refused.empty())
        return failure_.empty() ? void() : count_abort();
    if (!is_examining_ && std::exchange(was_examined_, true))
        batch_.let_nothing_in(); // or each refusal among later events would have all that came before written once more
    is_examining_ = true;
    aborts_ = 0;
    for (const RefusedBatch &batch : batches_of(refused))
        judge_batch(batch);
}

// After a refusal librdkafka 2.0 has the next transaction fail as well, for the gap in its sequence numbers: that is no reason to wait.
void ExactlyOnceSink::count_abort() {
    if (is_examining_ && aborts_ == 0) {
        aborts_++;
        return;
    }
    if (abort_condition_.changed(failure_))
        spdlog::warn("{}; aborting the Kafka transaction and repeating it", failure_);
    if (++aborts_ > aborts_max)
        throw SinkFailure(fmt::format("{} Kafka transactions in a row were aborted: {}", aborts_, failure_));
    repeat_at_ += abort_backoff_.next();
}

void ExactlyOnceSink::judge_batch(const RefusedBatch &batch) {
    const Refused &first = batch.first();
    if (batch.is_too_large())
        note_too_large(batch, target_);
    if (care_.each_alone || batch.is_told_apart()) {
        for (const Refused *each : batch.records)
            if (!is_innocent(each->error))
                judge_lone(*each);
    } else if (blame_of(first.error) == Blame::topic && !first.topic.empty()) {
        suspicion_.raise(first.entry->position());
    } else if (!batch.is_too_large()) {
        if (!examination_.is_running())
            spdlog::warn("Kafka refuses {} records with \"{}\"; looking for the event to blame", batch.records.size(),
                         rd_kafka_err2str(first.error));
        examination_.refused(batch.records.size());
    }
}

void ExactlyOnceSink::judge_lone(const Refused &refused) {
    if (blame_of(refused.error) == Blame::topic && !refused.topic.empty())
        producer().forget_topic(refused.topic);
    judge_alone(refused, source_, target_, examination_, suspicion_);
}

// What the next Kafka transaction has of the batch: everything up to an event that has to wait; or that one alone.
void ExactlyOnceSink::divide() {
    batch_.set_part(batch_.size());
    for (size_t i = 0; i < batch_.size(); i++) {
        if (target_.quarantine.stops_at(batch_[i].position()))
            return stop_before(i);
        if (suspicion_.is_about(batch_[i].position()))
            return batch_.set_part(std::max<size_t>(i, 1));
    }
}

// The events before a poisoned one are still delivered. Only when nothing is in flight: librdkafka may be sending from their chunks.
void ExactlyOnceSink::stop_before(size_t index) {
    if (!poison_)
        poison_ = poisoned(batch_[index].event(), batch_[index].end(), batch_[index].commit_time_ms, target_);
    batch_.cut(index);
}

void ExactlyOnceSink::throw_poison() {
    if (!poison_)
        return;
    PoisonedEvent poison = *std::exchange(poison_, std::nullopt);
    phase_ = Phase::closed; // with no event in the transaction
    throw poison;
}

// Produces what nobody knows yet whether Kafka takes it, in groups, and then has the transaction aborted.
void ExactlyOnceSink::examine() {
    for (; produced_ < batch_.part(); produced_++) {
        Entry &entry = batch_[produced_];
        if (entry.state == Entry::State::accepted)
            continue;
        bool is_suspect = suspicion_.is_about(entry.position());
        if (is_suspect && Clock::now() < suspicion_.retry_at())
            return;
        size_t limit = is_suspect ? 1 : care_.each_alone ? alone_in_flight_max : examination_.limit();
        if (producer().in_flight() >= limit)
            return producer().flush();
        if (!produce_again(entry))
            return;
    }
    producer().flush();
    if (producer().in_flight() > 0)
        return;
    is_examining_ = false;
    examination_.end();
    phase_ = Phase::aborting;
}

void ExactlyOnceSink::repeat() {
    if (Clock::now() < repeat_at_)
        return;
    if (is_examining_)
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
    renewal_.serve(target_, producer(), phase_ == Phase::open && batch_.empty() && ledger_.is_shown());
    read_back();
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
    if (ledger_.is_shown() && batch_.empty())
        throw_poison();
    bool waits_for_topic = producer().retry_at() != Clock::time_point::max();
    auto now = Clock::now();
    if (batch_.is_due(now, budget_.exhausted() || waits_for_topic)) {
        close_batch();
    } else if (position_is_due() && now >= stored_at_ + position_interval) {
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
        if (is_examining_ && !batch_.empty() && suspicion_.is_about(batch_[0].position()))
            return std::max(repeat_at_, suspicion_.retry_at());
        if (producer().retry_at() != Clock::time_point::max())
            return std::max(repeat_at_, producer().retry_at());
        return std::max(repeat_at_, Clock::now() + std::chrono::milliseconds(1));
    case Phase::finishing: // without a position where its topic is waited for, or nothing has been tried yet
        if (!has_position_ && producer().retry_at() != Clock::time_point::max())
            return producer().retry_at();
        return Clock::now() + std::chrono::milliseconds(1);
    case Phase::open: break;
    default: return Clock::now(); // the calls themselves wait
    }
    if ((poison_ && ledger_.is_shown()) || (!batch_.empty() && budget_.exhausted()))
        return Clock::now();
    if (!batch_.empty())
        return batch_.due(Clock::now());
    return position_is_due() ? stored_at_ + position_interval : Clock::time_point::max();
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
    if (suspicion_.stands())
        return suspicion_.text();
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
        refused_.push_back({entry, message.err, rd_kafka_topic_name(message.rkt), producer().report()});
        entry->state = Entry::State::queued;
        return;
    }
    if (is_about_topic(message.err))
        producer().forget_topic(rd_kafka_topic_name(message.rkt)); // looked up again, and waited for
    if (failure_.empty() && phase_ != Phase::aborting)
        failure_ = fmt::format("topic \"{}\": {}", rd_kafka_topic_name(message.rkt), rd_kafka_err2str(message.err));
}

// By Kafka; by consumers only when the transaction is committed.
void ExactlyOnceSink::accepted(Entry &entry) {
    entry.state = Entry::State::accepted;
    if (!is_examining_)
        return;
    aborts_ = 0;
    examination_.accepted(1);
    if (suspicion_.is_about(entry.position()))
        suspicion_.clear();
}

} // namespace outbox
