// The slot's position in the state topic, during a session of exactly-once delivery: read before any event is delivered, written with the
// events of each Kafka transaction, and read back after the commit. core/ledger.h decides what may be confirmed. Tested by
// test/unit/exactly_once_sink_test.cpp, test/t/041_position.t and test/t/045_visible.t.
#pragma once

#include "core/batch.h"
#include "core/ledger.h"
#include "kafka/producer.h"
#include "kafka/state_reader.h"

#include <memory>

namespace outbox {

class KeptPosition {
public:
    // Target and source outlive the position.
    KeptPosition(KafkaTarget &target, const Source &source) : target_(target), source_(source) {}

    // A session begins: nothing is confirmed before the position is read.
    void start() { ledger_ = {}; }
    void stop() { reader_.reset(); }

    // begin_reading(): the relay that delivered before is fenced. read(): one step; true when the position is known. Throws SinkFailure,
    // and Failure where an operator has to decide.
    void begin_reading() { reader_ = std::make_unique<StateReader>(target_, state_key(source_)); }
    bool read();

    // A Kafka transaction begins, without a position.
    void begin() { is_produced_ = false; }
    // Produces the position of the closed batch, once in each Kafka transaction.
    KafkaProducer::Outcome produce(KafkaProducer &producer, const Batch &batch);
    bool is_produced() const { return is_produced_; }

    // Kafka has acknowledged the commit.
    void acknowledged(const Batch &batch);
    // Looks whether consumers can see the position; then they see the events, too, which are in the same Kafka transaction. Throws
    // SinkFailure where the position is not visible within ten seconds.
    void read_back();

    // When to write a position without events: the slot may be confirmed only up to the position in the state topic, even where there was
    // nothing to deliver, as on an idle database.
    Clock::time_point due() const { return ledger_.overdue() ? written_at_ + interval : Clock::time_point::max(); }

    Ledger &ledger() { return ledger_; }
    const Ledger &ledger() const { return ledger_; }

private:
    static constexpr std::chrono::milliseconds interval{1000}; // between positions without events
    static constexpr std::chrono::seconds is_shown_within{10}; // less than transaction.timeout.ms

    KafkaTarget &target_;
    const Source &source_;
    std::unique_ptr<StateReader> reader_;
    Ledger ledger_;
    bool is_produced_ = false;     // in the open Kafka transaction
    Clock::time_point written_at_; // when the last position was written
    Condition waiting_;
};

} // namespace outbox
