// Produces events to Kafka exactly once: in Kafka transactions that hold the slot's position as well, so that Kafka has both or neither.
// Consumers that read committed records see every event once. This file is the order of steps in a session, and the moment at which a batch
// is closed; the fate of a batch is kafka/batch_delivery.h.
//
// A session fences every producer that delivered for the slot before, reads the position from the state topic, and passes the events that
// the position covers. Then comes batch after batch: begin, produce, add the position, commit, read the position back, and only then let
// the slot be confirmed. Events that were not committed are produced again from memory after an abort. Whether an interrupted commit took
// place is never guessed: a new producer fences the old one and reads again.
//
// The position is read back because Kafka acknowledges a commit before the partitions have its markers, and brokers 4.3.0 to 4.4.0 forget
// to write the markers where they come back from a crash (KAFKA-20734). Nothing is committed on top of events that nobody can see: once an
// operator has ended such a Kafka transaction, its events come again from the slot.
//
// The sink takes no event while a Kafka transaction is being committed. librdkafka's calls do not hold up the loop (kafka/transaction.h).
// Tested by test/unit/exactly_once_sink_test.cpp, test/t/040_exactly_once.t and test/t/045_visible.t.
#pragma once

#include "kafka/batch_delivery.h"
#include "kafka/rotation.h"

#include <tuple>
#include <utility>

namespace outbox {

class ExactlyOnceSink : public Sink {
public:
    // Target, listener and budget outlive the sink. A batch is closed when its first event has waited for `commit_interval`, when the
    // stream is idle and the last batch was closed that long ago, or when the budget is exhausted or 64 MB of it are used.
    ExactlyOnceSink(KafkaTarget &target, std::chrono::milliseconds commit_interval, const Budget &budget, DeliveryListener &listener);
    ~ExactlyOnceSink() override { stop(); }

    void start(const Source &source) override;
    void stop() override;
    Offer offer(const Begin &transaction, const Event &event, Chunk &chunk) override;
    void commit(const Commit &commit) override;
    void flush() override;
    void hurry() override;
    Lsn confirmable(Lsn delivered) override;
    void serve() override;
    void reload() override { renewal_.ask(target_, delivery_.has_producer() ? &delivery_.producer() : nullptr); }
    pollfd wanted() const override { return delivery_.has_producer() ? delivery_.producer().wanted() : pollfd{-1, 0, 0}; }
    Clock::time_point retry_at() const override;
    Clock::time_point serve_at() const override;
    std::string waiting_for() const override { return delivery_.waiting_for(); }
    uint64_t events_set_aside() const override { return target_.learned.set_aside_count; }
    bool empty() const override { return delivery_.batch().empty() && !awaits_sight(); }

private:
    enum class Phase {
        closed,     // no session
        fencing,    // waits for rd_kafka_init_transactions()
        reading,    // reads the position
        delivering, // delivers batches
    };

    void open_producer();
    void fence();
    void read_position();
    void serve_open();
    Clock::time_point next_step_at() const;
    void require_progress();
    // The open batch takes no event more, so that a slow Kafka takes it in time.
    bool is_full() const { return budget_.used() >= Batch::bytes_max || delivery_.is_full(); }
    // The open batch is to be closed. The events of a chunk that the relay holds already still go into it: a small budget is exhausted by
    // the first of them, and each would have a Kafka transaction of its own.
    bool wants_close() const { return budget_.exhausted() || is_full(); }
    const Ledger &ledger() const { return position_.ledger(); }
    // Kafka has acknowledged a commit that is not visible yet
    bool awaits_sight() const { return phase_ != Phase::closed && !ledger().is_shown(); }

    KafkaTarget &target_;
    const Budget &budget_;
    Source source_;
    KeptPosition position_{target_, source_};
    BatchDelivery delivery_;
    Phase phase_ = Phase::closed;
    // the phase, the stage and the producer's last delivery report when the sink was last served
    std::tuple<Phase, BatchDelivery::Stage, uint64_t> watched_{Phase::closed, BatchDelivery::Stage::closed, 0};
    Clock::time_point watched_since_; // since when none of the three has changed
    Condition waiting_;
    Renewal renewal_;
};

} // namespace outbox
