// Delivers one batch after the other exactly once: the events of a batch and the position go to Kafka in one Kafka transaction. Where that
// Kafka transaction is aborted, the batch goes again in another one, until a Kafka transaction is committed. The session around the
// batches, from fencing on, is kafka/exactly_once_sink.h.
//
// Where Kafka refuses a record, the Kafka transaction is aborted and the batch is examined (kafka/examination.h): its records go again, as
// they are or in the form that stands for them, in Kafka transactions that are aborted as well. A record that Kafka has accepted once is
// examined no more. Then the batch is produced as a whole. So no record is written more than three times. An event that has to wait,
// because its topic is missing or forbidden, is cut off with all that follows: the events before are committed, and no Kafka transaction
// stays open.
//
// Tested by test/unit/exactly_once_sink_test.cpp, test/unit/exactly_once_refusals_test.cpp and test/unit/exactly_once_sink_errors_test.cpp.
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
        open,       // the batch takes events
        finishing,  // the batch is closed: its last records and the position are on their way
        committing, // waits for rd_kafka_commit_transaction()
        aborting,   // waits for rd_kafka_abort_transaction()
        repeating,  // the batch is produced again
    };

    // Target, source, position and listener outlive the delivery. A batch is closed when its first event has waited for `commit_interval`.
    BatchDelivery(KafkaTarget &target, const Source &source, KeptPosition &position, std::chrono::milliseconds commit_interval,
                  DeliveryListener &listener);

    // ---- one producer after the other

    void open_producer();
    bool has_producer() const { return transaction_ != nullptr; }
    KafkaTransaction &transaction() const { return *transaction_; }
    KafkaProducer &producer() const { return transaction_->producer(); }
    // The position is known: the producer's first Kafka transaction begins.
    void begin();
    // True where another producer has to go on: a commit was doubtful, or other care is needed.
    bool wants_producer() const { return stage_ == Stage::closed; }
    // The session has ended. An open Kafka transaction is aborted; one whose commit is on its way is left to the next producer.
    void stop();
    // Throws SinkFailure where the step is `lost`, so that only another producer can go on.
    KafkaTransaction::Step require(KafkaTransaction::Step step) const;

    // ---- the open batch

    Stage stage() const { return stage_; }
    bool is_open() const { return stage_ == Stage::open; }
    Offer offer(const Begin &transaction, const Event &event, Chunk &chunk);
    void transaction_ended(Lsn end) { batch_.transaction_ended(end); }
    const Batch &batch() const { return batch_; }
    // Kafka is too slow for more events in a Kafka transaction: the sink offers none until the batch is closed.
    bool is_full() const { return batch_.size() >= target_.learned.part_limit.limit(); }
    void close() {
        batch_.close(Clock::now());
        stage_ = Stage::finishing;
    }
    void close_with(const Position &position) { // for a position without events
        batch_.close_with(position);
        stage_ = Stage::finishing;
    }

    // ---- serving, after the producer was served

    // Reacts to the producer's reports. Throws SinkFailure, Failure.
    void react();
    // The next step of a batch that is not open.
    void step();
    Clock::time_point step_at() const;
    bool is_ending() const { return stage_ == Stage::committing || stage_ == Stage::aborting; } // the Kafka transaction

    // ---- events that cannot go now

    std::string waiting_for() const;
    bool stops() const { return examination_.stops(); } // the stream stops in front of the next event
    PoisonedEvent stop_at_poison();                     // once all events before are delivered

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
    void note_slowness();
    void begin_again();
    void repeat();

    void reported(const rd_kafka_message_t &message, rd_kafka_resp_err_t error) override;
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
