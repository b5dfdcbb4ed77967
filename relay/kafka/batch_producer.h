// Produces the events of a batch into the open Kafka transaction: one after the other as the stream offers them, and again after an abort.
// Tested by test/unit/exactly_once_sink_test.cpp and test/unit/exactly_once_refusals_test.cpp.
#pragma once

#include "kafka/examination.h"

namespace outbox {

class BatchProducer {
public:
    using Outcome = KafkaProducer::Outcome;

    // Target and source outlive the producer of batches.
    BatchProducer(KafkaTarget &target, const Source &source) : events_(target, source) {}

    // Produces an event that the stream offers. The event joins the batch where its record is taken.
    Outcome add(KafkaProducer &producer, Batch &batch, const Begin &transaction, const Event &event, Chunk &chunk);

    // begin_again(): the part of the batch goes again from its beginning. repeat(): produces records until the producer is busy; `taken`:
    // the whole part is on its way. Where an event waits for its topic, the part ends before that event, so that the events before do not
    // wait.
    void begin_again() { next_ = 0; }
    Outcome repeat(KafkaProducer &producer, Batch &batch);
    // As repeat(), in groups, with those events alone of which nobody knows yet whether Kafka takes them. `taken`: Kafka has answered for
    // all.
    Outcome examine(KafkaProducer &producer, Batch &batch, const Examination &examination, const Care &care);

    const std::string &topic() const { return events_.topic(); } // of the record that was produced last

    // Consumers can see the event's record.
    void settled(const Entry &entry) { events_.settled(entry); }

private:
    Outcome produce_again(KafkaProducer &producer, Batch &batch);

    EventProducer events_;
    size_t next_ = 0; // the next entry of the batch
};

} // namespace outbox
