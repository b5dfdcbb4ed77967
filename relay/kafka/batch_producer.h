// Produces the events of a batch into the open Kafka transaction: one after the other as they are offered, and again after an abort.
// Tested by test/unit/exactly_once_sink_test.cpp.
#pragma once

#include "kafka/examination.h"

namespace outbox {

class BatchProducer {
public:
    using Outcome = KafkaProducer::Outcome;

    // Target and source outlive the batches.
    BatchProducer(KafkaTarget &target, const Source &source) : events_(target, source) {}

    // The event joins the batch where its record is taken.
    Outcome add(KafkaProducer &producer, Batch &batch, const Begin &transaction, const Event &event, Chunk &chunk);

    // The part of the batch goes again from its beginning. Taken: all of the part is on its way. Where an event waits for its topic, the
    // part ends before the event: what comes before does not wait.
    void begin_again() { next_ = 0; }
    Outcome repeat(KafkaProducer &producer, Batch &batch);
    // The same in groups, with those events alone of which nobody knows yet whether Kafka takes them. Taken: Kafka has answered for all.
    Outcome examine(KafkaProducer &producer, Batch &batch, const Examination &examination, const Care &care);

    const std::string &topic() const { return events_.topic(); } // of the record that was produced last

    // The event's record can be seen by consumers.
    void settled(const Entry &entry) { events_.settled(entry); }

private:
    Outcome produce_again(KafkaProducer &producer, Batch &batch);

    EventProducer events_;
    size_t next_ = 0; // entry of the batch
};

} // namespace outbox
