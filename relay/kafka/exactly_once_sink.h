// Produces events to Kafka exactly once: in Kafka transactions that hold the slot's position as well, so that both are there or neither.
// Consumers that read committed records see every event once.
//
// A session: fence whoever delivered for the slot before, read the position from the state topic, pass what it covers, then batch after
// batch: begin, produce, add the position, commit, read the position back, and only then let the slot be confirmed. What was not committed
// is produced again from memory after an abort. Whether an interrupted commit took place is never guessed: a new producer fences the old
// one and reads again.
//
// Why it is read back: a commit is acknowledged before Kafka has written it to the partitions, and brokers 4.3.0 to 4.4.0 forget to do that
// where they come back from a crash (KAFKA-20734). Nothing is committed on top of what nobody can see: once an operator has ended such a
// transaction, its events come again from the slot.
//
// Where Kafka refuses a record, the transaction is aborted and the batch examined: its records go again, as they are or in the form that
// stands for them, in transactions that are aborted as well, until each guilty event has been named by Kafka or has been alone: in smaller
// batches where the size is to blame (size_limits.h), otherwise in smaller groups. Every record that Kafka has accepted once is done with.
// Then the batch is produced as a whole. So no record is written more than three times. An event that has to wait (its topic is missing or
// forbidden) is cut off with all that follows: what came before it is committed, and no transaction stays open.
//
// Nothing is taken while a transaction is being committed; calls into librdkafka wait for some milliseconds at most.
// Tested by test/unit/exactly_once_sink_test.cpp and test/t/.
#pragma once

#include "core/abort_pace.h"
#include "core/batch.h"
#include "kafka/examination.h"
#include "kafka/kept_position.h"
#include "kafka/rotation.h"
#include "kafka/transaction.h"

namespace outbox {

class ExactlyOnceSink : public Sink, private KafkaProducer::Listener {
public:
    // Target, listener and budget outlive the sink. A batch is closed when its first event has waited for `commit_interval`, when the
    // source is idle and the last batch was closed that long ago, or when the budget is exhausted.
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
    void reload() override { renewal_.ask(target_, transaction_ ? &producer() : nullptr); }
    pollfd wanted() const override { return transaction_ ? producer().wanted() : pollfd{-1, 0, 0}; }
    Clock::time_point retry_at() const override { return transaction_ ? producer().retry_at() : Clock::time_point::max(); }
    Clock::time_point serve_at() const override;
    std::string waiting_for() const override;
    uint64_t events_set_aside() const override { return target_.set_aside_count; }
    bool empty() const override { return batch_.empty() && !awaits_sight(); }

private:
    enum class Phase {
        closed,     // no session
        fencing,    // waiting for init_transactions
        reading,    // the position
        open,       // takes events
        finishing,  // the batch is closed: its last records and the position are on their way
        committing, // waiting for commit_transaction
        aborting,   // waiting for abort_transaction
        repeating,  // producing the batch again
    };

    using Step = KafkaTransaction::Step;

    KafkaProducer &producer() { return transaction_->producer(); }
    const KafkaProducer &producer() const { return transaction_->producer(); }

    void open_producer();
    Step require(Step step);
    void fence();
    void read_position();
    void begin();

    void require_rest(Lsn end);
    void note_failed_produce();
    Offer stop_at(const Begin &transaction, const Event &event);

    void close_batch();
    void close_part();
    void keep_position();
    void finish();
    bool produce_position();
    void commit_batch();
    void committed();
    bool awaits_sight() const { return phase_ != Phase::closed && !ledger().is_shown(); } // of what Kafka has acknowledged
    const Ledger &ledger() const { return position_.ledger(); }

    void react();
    void abort_batch();
    void aborted();
    void begin_again();

    bool use_care(Care care);
    void throw_poison();
    void examine();
    void repeat();
    bool produce_again(Entry &entry);
    void serve_open();
    Clock::time_point next_step_at() const;
    void require_progress();

    void reported(const rd_kafka_message_t &message) override;
    void accepted(Entry &entry);
    void producer_died(const std::string &reason) override { death_ = "the Kafka producer failed: " + reason; }
    void records_lost(const std::string &sentence) override { loss_ = sentence; }

    KafkaTarget &target_;
    const Budget &budget_;
    DeliveryListener &listener_;
    EventProducer event_producer_{target_, source_};

    // the session
    Source source_;
    std::unique_ptr<KafkaTransaction> transaction_;
    Care care_;
    KeptPosition position_{target_, source_};
    Phase phase_ = Phase::closed, watched_phase_ = Phase::closed;
    Clock::time_point phase_since_;

    // the batch: one Kafka transaction
    Batch batch_;
    size_t produced_ = 0; // entries, while repeating
    Examination examination_{target_, source_};
    AbortPace pace_;

    // found while serving the producer, dealt with after it
    std::string failure_;                                                // of a record: the transaction must be aborted
    std::string death_;                                                  // of the producer
    std::string loss_;                                                   // of records that Kafka had acknowledged
    rd_kafka_resp_err_t transaction_error_ = RD_KAFKA_RESP_ERR_NO_ERROR; // that of the transaction as a whole
    Condition waiting_;
    Renewal renewal_;
};

} // namespace outbox
