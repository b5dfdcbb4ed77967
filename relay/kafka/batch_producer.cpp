#include "kafka/batch_producer.h"

namespace outbox {

BatchProducer::Outcome BatchProducer::add(KafkaProducer &producer, Batch &batch, const Begin &transaction, const Event &event,
                                          Chunk &chunk) {
    Entry &entry = batch.add(Entry{nullptr, event.line, transaction.commit_time_ms, event.ordinal});
    size_t cost = 0;
    Outcome outcome = events_.produce(producer, event, transaction.commit_time_ms, chunk, entry, cost);
    if (outcome != Outcome::taken) {
        batch.not_taken();
        return outcome;
    }
    batch.taken(Clock::now());
    entry.chunk.reset(chunk.retain(cost + sizeof(Entry)));
    entry.state = Entry::State::in_flight;
    return outcome;
}

BatchProducer::Outcome BatchProducer::repeat(KafkaProducer &producer, Batch &batch) {
    for (; next_ < batch.part(); next_++)
        if (Outcome outcome = produce_again(producer, batch); outcome != Outcome::taken)
            return outcome;
    return Outcome::taken;
}

BatchProducer::Outcome BatchProducer::examine(KafkaProducer &producer, Batch &batch, const Examination &examination, const Care &care) {
    for (; next_ < batch.part(); next_++) {
        const Entry &entry = batch[next_];
        if (entry.state == Entry::State::accepted)
            continue;
        if (examination.waits_at(entry.position()) && Clock::now() < examination.retry_at())
            return Outcome::busy;
        if (producer.in_flight() >= examination.limit_at(entry.position(), care)) {
            producer.flush();
            return Outcome::busy;
        }
        if (Outcome outcome = produce_again(producer, batch); outcome != Outcome::taken)
            return outcome;
    }
    producer.flush();
    return producer.in_flight() > 0 ? Outcome::busy : Outcome::taken;
}

BatchProducer::Outcome BatchProducer::produce_again(KafkaProducer &producer, Batch &batch) {
    Entry &entry = batch[next_];
    size_t cost;
    Outcome outcome = events_.produce(producer, entry.event(), entry.commit_time_ms, *entry.chunk, entry, cost);
    if (outcome == Outcome::taken)
        entry.state = Entry::State::in_flight;
    bool waits_for_topic = producer.retry_at() != Clock::time_point::max();
    if (outcome == Outcome::busy && waits_for_topic && next_ > 0)
        batch.set_part(next_);
    return outcome;
}

} // namespace outbox
