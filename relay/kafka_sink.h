// Produces events to Kafka at least once: idempotent, without gaps. After anything that could leave one, a new producer starts from the
// slot. Tested by test/unit/kafka_sink_test.cpp and test/t/.
#pragma once

#include "kafka_producer.h"
#include "poison.h"
#include "rotation.h"

namespace outbox {

class KafkaSink : public Sink, private KafkaProducer::Listener {
public:
    // The target's properties have been through make_kafka_conf before. Target and listener outlive the sink.
    KafkaSink(KafkaTarget &target, DeliveryListener &listener);
    ~KafkaSink() override;

    void start(const Source &source) override;
    Offer offer(const Begin &transaction, const Event &event, Chunk &chunk) override;
    void flush() override {
        if (producer_)
            producer_->flush();
    }
    void serve() override;
    void reload() override { renewal_.ask(target_, producer_.get()); }
    pollfd wanted() const override { return producer_ ? producer_->wanted() : pollfd{-1, 0, 0}; }
    Clock::time_point retry_at() const override { return producer_ ? producer_->retry_at() : Clock::time_point::max(); }
    Clock::time_point serve_at() const override { return producer_ ? producer_->serve_at() : Clock::time_point::max(); }
    uint64_t events_set_aside() const override { return target_.set_aside_count; }
    bool empty() const override { return !producer_ || producer_->in_flight() == 0; }

private:
    std::unique_ptr<KafkaProducer> make_producer();
    [[noreturn]] void fail(std::string_view topic);
    void reported(const rd_kafka_message_t &message) override;
    void producer_died(const std::string &reason) override;
    void acknowledged(const rd_kafka_message_t &message);
    void note_failure(const rd_kafka_message_t &message);
    void throw_refusal();

    KafkaTarget &target_;
    DeliveryListener &listener_;
    Source source_;
    RecordMaker maker_;
    std::unique_ptr<KafkaProducer> producer_; // from the first session on
    bool is_trying_suspect_ = false;          // its record is in flight
    bool wants_larger_batches_ = false;       // the event for which they were made small is out of the way
    bool is_dead_ = false;                    // a fatal error: this producer delivers nothing more
    bool is_closing_ = false;                 // in the destructor
    Renewal renewal_;
    std::string failure_; // found while serving the producer, thrown after it
    Refusals refusals_;
};

} // namespace outbox
