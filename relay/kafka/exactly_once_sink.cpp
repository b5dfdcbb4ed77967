#include "kafka/exactly_once_sink.h"

#include "base/exit_code.h"

#include <algorithm>
#include <utility>

namespace outbox {
namespace {

constexpr auto look_again = std::chrono::milliseconds(2); // between two looks whether a commit is visible
constexpr auto phase_max = std::chrono::seconds(60);
constexpr auto said_after = std::chrono::seconds(2);

} // namespace

ExactlyOnceSink::ExactlyOnceSink(KafkaTarget &target, std::chrono::milliseconds commit_interval, const Budget &budget,
                                 DeliveryListener &listener)
    : target_(target), budget_(budget), delivery_(target, source_, position_, commit_interval, listener) {}

// ---- the session ----------------------------------------------------------------------------------------------------

void ExactlyOnceSink::start(const Source &source) {
    stop();
    source_ = source;
    target_.learned.quarantine.follow(target_.on_poison == OnPoison::dead_letter, target_.skip_ids);
    target_.learned.quarantine.forget_before(source.confirmed);
    position_.start();
    open_producer();
}

// Opens another producer. The events that an earlier producer of this session has delivered may lie beyond the end of the WAL that the
// session began with.
void ExactlyOnceSink::open_producer() {
    source_.wal_end = std::max(source_.wal_end, ledger().position().end);
    delivery_.open_producer();
    phase_ = Phase::fencing;
}

void ExactlyOnceSink::fence() {
    KafkaTransaction &transaction = delivery_.transaction();
    if (delivery_.require(transaction.fence()) == KafkaTransaction::Step::done) {
        delivery_.producer().answered();
        position_.begin_reading();
        phase_ = Phase::reading;
    } else if (!delivery_.producer().kafka().is_away() && Clock::now() > watched_since_ + said_after && !transaction.reason().empty() &&
               waiting_.changed(transaction.reason())) {
        spdlog::warn("waiting for Kafka to begin Kafka transactions: {}", transaction.reason());
    }
}

void ExactlyOnceSink::read_position() {
    if (!position_.read())
        return;
    waiting_.clear();
    phase_ = Phase::delivering;
    delivery_.begin();
}

void ExactlyOnceSink::stop() {
    phase_ = Phase::closed;
    delivery_.stop();
    position_.stop();
}

// ---- offering -------------------------------------------------------------------------------------------------------

Offer ExactlyOnceSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    if (!delivery_.is_open() || delivery_.stops() || renewal_.is_asked())
        return Offer::busy;
    try {
        position_.ledger().require_rest(transaction.commit);
    } catch (const RestIsMissing &missing) {
        throw Failure(ExitCode::position_refused, missing.what());
    }
    if (ledger().covers(transaction.commit, event.ordinal))
        return Offer::passed;
    if (target_.is_reserved(event.topic))
        return Offer::rejected;
    if (!delivery_.batch().empty() && is_full())
        return Offer::busy; // the batch is closed first
    Offer offer = delivery_.offer(transaction, event, chunk);
    if (delivery_.wants_producer())
        open_producer();
    return offer;
}

void ExactlyOnceSink::commit(const Commit &commit) {
    position_.ledger().ended(commit.end);
    delivery_.transaction_ended(commit.end);
    if (delivery_.is_open() && delivery_.batch().is_due(Clock::now(), false))
        delivery_.close();
}

// Closes a batch that need not wait for more events. A stream of single events does not become a Kafka transaction for each: every Kafka
// transaction costs the brokers a marker in each partition that it touches, and their coordinator three records.
void ExactlyOnceSink::flush() {
    if (delivery_.is_open() && delivery_.batch().may_close_early(Clock::now()))
        delivery_.close();
}

void ExactlyOnceSink::hurry() {
    if (delivery_.is_open() && delivery_.batch().may_close())
        delivery_.close();
}

Lsn ExactlyOnceSink::confirmable(Lsn delivered) {
    position_.ledger().delivered(delivered);
    return ledger().confirmable();
}

// ---- serving --------------------------------------------------------------------------------------------------------

void ExactlyOnceSink::serve() {
    if (phase_ == Phase::closed)
        return;
    delivery_.producer().serve();
    delivery_.react();
    renewal_.serve(target_, delivery_.producer(), delivery_.is_open() && delivery_.batch().empty() && ledger().is_shown());
    if (phase_ == Phase::delivering)
        position_.read_back();
    require_progress();
    switch (phase_) {
    case Phase::fencing: fence(); break;
    case Phase::reading: read_position(); break;
    case Phase::delivering: delivery_.is_open() ? serve_open() : delivery_.step(); break;
    case Phase::closed: return;
    }
    if (phase_ == Phase::delivering && delivery_.wants_producer())
        open_producer();
}

void ExactlyOnceSink::serve_open() {
    const Batch &batch = delivery_.batch();
    if (delivery_.stops() && batch.empty() && ledger().is_shown()) {
        phase_ = Phase::closed;
        throw delivery_.stop_at_poison();
    }
    bool waits_for_topic = delivery_.producer().retry_at() != Clock::time_point::max();
    auto now = Clock::now();
    if (batch.is_due(now, wants_close() || waits_for_topic))
        delivery_.close();
    else if (batch.empty() && now >= position_.due())
        delivery_.close_with(*ledger().overdue());
}

// Bounds the phases in which librdkafka goes on by itself, and sometimes never ends; and the wait for a delivery report: where a topic is
// deleted, librdkafka 2.14 can put a record back into the queue of a partition that it serves no more, and never reports the record. A new
// producer is always safe.
void ExactlyOnceSink::require_progress() {
    auto now = Clock::now();
    const KafkaProducer &producer = delivery_.producer();
    std::tuple is{phase_, delivery_.stage(), producer.report()};
    if (std::exchange(watched_, is) != is)
        watched_since_ = now;
    bool is_bounded = phase_ == Phase::fencing || phase_ == Phase::reading || delivery_.is_ending();
    delivery_.producer().expect_answer(is_bounded);
    if (now <= watched_since_ + phase_max)
        return;
    if (is_bounded)
        throw SinkFailure("Kafka has neither begun nor ended a Kafka transaction for a minute");
    if (producer.in_flight() > 0)
        throw SinkFailure(fmt::format("librdkafka has reported nothing about {} records on their way for a minute", producer.in_flight()));
}

Clock::time_point ExactlyOnceSink::retry_at() const {
    return delivery_.has_producer() ? delivery_.producer().retry_at() : Clock::time_point::max();
}

Clock::time_point ExactlyOnceSink::serve_at() const {
    auto at = delivery_.has_producer() ? std::min(next_step_at(), delivery_.producer().serve_at()) : next_step_at();
    return awaits_sight() ? std::min(at, Clock::now() + look_again) : at;
}

Clock::time_point ExactlyOnceSink::next_step_at() const {
    switch (phase_) {
    case Phase::closed: return Clock::time_point::max();
    case Phase::fencing: return delivery_.transaction().step_at();
    case Phase::reading: return Clock::now(); // the calls into librdkafka wait
    case Phase::delivering: break;
    }
    if (!delivery_.is_open())
        return delivery_.step_at();
    const Batch &batch = delivery_.batch();
    if ((delivery_.stops() && ledger().is_shown()) || (!batch.empty() && wants_close()))
        return Clock::now();
    return batch.empty() ? position_.due() : batch.due(Clock::now());
}

} // namespace outbox
