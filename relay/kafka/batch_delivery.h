// Delivers one batch after the other exactly once: the events of a batch and the position go to Kafka in one transaction, and again in
// another transaction where that one is aborted, until a transaction is committed. The session around it, from fencing on, is
// kafka/exactly_once_sink.h.
//
// Where Kafka refuses a record, the transaction is aborted and the batch examined (kafka/examination.h): its records go again, as they are
// or in the form that stands for them, in transactions that are aborted as well. Every record that Kafka has accepted once is done with.
// Then the batch is produced as a whole. So no record is written more than three times. An event that has to wait (its topic is missing or
// forbidden) is cut off with all that follows: what came before it is committed, and no transaction stays open.
//
// Tested by test/unit/exactly_once_sink_test.cpp and test/unit/exactly_once_sink_errors_test.cpp.
#pragma once

#include "core/abort_pace.h"
#include "core/batch.h"
#include "kafka/batch_producer.h"
#include "kafka/care.h"
#include "kafka/examination.h"
#include "kafka/findings.h"
#include "kafka/kept_position.h"
#include "kafka/transaction.h"

namespace outbox {

class BatchDelivery : private KafkaProducer::Listener {
public:
    enum class Stage {
        closed,     // no Kafka transaction
        open,       // takes events
        finishing,  // the batch is closed: its last records and the position are on their way
        committing, // waiting for commit_transaction
        aborting,   // waiting for abort_transaction
        repeating,  // producing the batch again
    };

    // Everything that is referred to outlives the delivery. A batch is closed when its first event has waited for `commit_interval`.
    BatchDelivery(KafkaTarget &target, const Source &source, KeptPosition &position, std::chrono::milliseconds commit_interval,
                  DeliveryListener &listener);

    // ---- one producer after the other

    void open_producer();
    bool has_producer() const { return transaction_ != nullptr; }
    KafkaTransaction &transaction() const { return *transaction_; }
    KafkaProducer &producer() const { return transaction_->producer(); }
    // The position is known: the first Kafka transaction of the producer begins.
    void begin();
    // Another producer has to go on: the commit was doubtful, or other care is needed.
    bool wants_producer() const { return stage_ == Stage::closed; }
    // The session has ended. An open transaction is aborted; one that is being committed is left to the next producer.
    void stop();
    // Throws SinkFailure where only another producer can go on.
    KafkaTransaction::Step require(KafkaTransaction::Step step) const;

    // ---- the open batch

    Stage stage() const { return stage_; }
    bool is_open() const { return stage_ == Stage::open; }
    Offer offer(const Begin &transaction, const Event &event, Chunk &chunk);
    void transaction_ended(Lsn end) { batch_.transaction_ended(end); }
    const Batch &batch() const { return batch_; }
    void close();
    void close_with(const Position &position); // a batch without events

    // ---- serving, after the producer was served

    // Does what the reports of the producer ask for. Throws SinkFailure, Failure.
    void react();
    // The next step of a batch that is not open.
    void step();
    Clock::time_point step_at() const;
    bool is_ending() const { return stage_ == Stage::committing || stage_ == Stage::aborting; } // the Kafka transaction

    // ---- events that cannot go now

    std::string waiting_for() const;
    bool stops() const { return examination_.stops(); } // in front of the event that comes next
    PoisonedEvent stop_at_poison();                     // once all before it is delivered

private:
    using Step = KafkaTransaction::Step;

    Offer stop_at(const Begin &transaction, const Event &event);
    bool use_care(const Care &care);
    void note_failed_produce();

    void finish();
    void commit();
    void committed();

    void abort();
    void aborted();
    void begin_again();
    void repeat();

    void reported(const rd_kafka_message_t &message) override;
    void producer_died(const std::string &reason) override { found_.death = "the Kafka producer failed: " + reason; }
    void records_lost(const std::string &sentence) override { found_.loss = sentence; }
    void statistics(std::string_view json) override { note_statistics(json, target_); }

    KafkaTarget &target_;
    const Source &source_;
    KeptPosition &position_;
    DeliveryListener &listener_;
    Care care_;
    std::unique_ptr<KafkaTransaction> transaction_;
    Stage stage_ = Stage::closed;
    Batch batch_;
    BatchProducer events_{target_, source_};
    Examination examination_{target_, source_};
    AbortPace pace_;
    Findings found_;
};

} // namespace outbox
