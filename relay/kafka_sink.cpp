#include "kafka_sink.h"

#include <utility>

namespace outbox {

KafkaSink::KafkaSink(KafkaTarget &target, DeliveryListener &listener) : target_(target), listener_(listener) {}

KafkaSink::~KafkaSink() {
    is_closing_ = true;
    producer_.reset();
}

std::unique_ptr<KafkaProducer> KafkaSink::make_producer() {
    reread_properties(target_);
    KafkaConf conf = make_kafka_conf(target_.brokers, target_.properties);
    if (target_.batch_bytes != 0)
        rd_kafka_conf_set(conf.get(), "batch.size", std::to_string(target_.batch_bytes).c_str(), nullptr, 0);
    return std::make_unique<KafkaProducer>(std::move(conf), static_cast<KafkaProducer::Listener &>(*this));
}

void KafkaSink::start(const Source &source) {
    source_ = source;
    if (!producer_)
        producer_ = make_producer();
}

// ---- offering -------------------------------------------------------------------------------------------------------

Offer KafkaSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    if (!producer_ || renewal_.is_asked())
        return Offer::busy;

    // A topic that may be looked at but not written to shows only by a record: one alone, so that nothing is repeated for it.
    bool is_suspect = event.topic == target_.suspect;
    if ((is_trying_suspect_ || is_suspect || wants_larger_batches_) && producer_->in_flight() > 0)
        return Offer::busy;
    if (std::exchange(wants_larger_batches_, false))
        producer_ = make_producer(); // nothing is in flight, so nothing is repeated

    const SetAside *aside = find_set_aside(target_, event.id);
    if (aside != nullptr && aside->stops) {
        if (producer_->in_flight() > 0)
            return Offer::busy;
        throw PoisonedEvent(aside->reason, event.id);
    }
    KafkaRecord record = maker_.make(event, transaction.commit_time_ms, chunk, aside, target_, source_);
    switch (producer_->produce(record, &chunk)) {
    case KafkaProducer::Outcome::taken: break;
    case KafkaProducer::Outcome::busy: return Offer::busy;
    case KafkaProducer::Outcome::failed: fail(record.topic);
    case KafkaProducer::Outcome::refused:
        std::string reason = rd_kafka_err2str(producer_->error());
        if (set_aside(target_, event.id, reason))
            return offer(transaction, event, chunk); // as a dead letter, at the latest the one without payload
        throw PoisonedEvent(poison_text(event.id, record.topic, record.value_size, format_lsn(transaction.end), reason), event.id);
    }
    chunk.retain(record.cost_bytes);
    is_trying_suspect_ = is_suspect;
    return Offer::taken;
}

void KafkaSink::fail(std::string_view topic) {
    if (failure_.empty())
        failure_ = fmt::format("topic \"{}\": {}", topic, rd_kafka_err2str(producer_->error()));
    is_dead_ = true;
    serve(); // throws: the reason, where a delivery report has it
    throw SinkFailure("the Kafka producer failed");
}

// ---- serving --------------------------------------------------------------------------------------------------------

void KafkaSink::serve() {
    if (!producer_)
        return;
    producer_->serve();
    if (is_dead_)
        producer_->take_back(); // among it the reason, if it is an event that Kafka refuses
    if (refusals_.any())
        throw_refusal();
    if (!failure_.empty())
        throw SinkFailure(std::exchange(failure_, {}));
    renewal_.serve(target_, *producer_, producer_->in_flight() == 0);
}

void KafkaSink::reported(const rd_kafka_message_t &message) {
    if (is_closing_) {
        // nobody listens any more
    } else if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        acknowledged(message);
    } else {
        note_failure(message);
    }
    static_cast<Chunk *>(message._private)->release();
}

void KafkaSink::acknowledged(const rd_kafka_message_t &message) {
    Chunk &chunk = *static_cast<Chunk *>(message._private);
    if (!target_.set_aside.empty() && note_set_aside(target_, id_of(message), chunk.transaction_end()) && target_.batch_bytes != 0) {
        target_.batch_bytes = 0;
        wants_larger_batches_ = true;
    }
    listener_.delivered(chunk);
    if (std::exchange(is_trying_suspect_, false))
        target_.suspect.clear();
    producer_->all_is_well();
}

void KafkaSink::note_failure(const rd_kafka_message_t &message) {
    if (is_about_topic(message.err))
        target_.suspect = rd_kafka_topic_name(message.rkt);
    if (is_about_content(message.err))
        refusals_.note(message);
    else if (failure_.empty())
        failure_ = fmt::format("topic \"{}\": {}", rd_kafka_topic_name(message.rkt), rd_kafka_err2str(message.err));
}

void KafkaSink::throw_refusal() {
    failure_.clear();
    std::string text, id = refusals_.id();
    switch (refusals_.judge(target_, producer_->batch_bytes(), text)) {
    case Refusals::Verdict::set_aside: throw SinkFailure(text + "; setting it aside", true);
    case Refusals::Verdict::smaller_batches: throw SinkFailure(text, true);
    case Refusals::Verdict::stop: break;
    }
    // With it the producer has died, and what was in flight to other partitions: that is delivered first.
    target_.set_aside[id] = {.reason = text, .stops = true};
    throw SinkFailure(text, true);
}

void KafkaSink::producer_died(const std::string &reason) {
    is_dead_ = true;
    failure_ = "the Kafka producer failed: " + reason;
}

} // namespace outbox
