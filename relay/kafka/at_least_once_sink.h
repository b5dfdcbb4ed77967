// Produces events to Kafka at least once: idempotent, without gaps. Events that Kafka has not acknowledged stay in memory, in order. Where
// Kafka refuses a record, the producer ends with all that is on the way (enable.gapless.guarantee), and another producer repeats what was
// not acknowledged. kafka/refusals.h decides how the repetition goes: in smaller batches after a refusal for the size, in smaller groups
// after another refusal of a whole batch, until the guilty event is alone. A record that goes alone has a producer that survives the
// refusal. After any other failure a new sink starts from the slot. Tested by test/unit/at_least_once_sink_test.cpp,
// test/unit/at_least_once_refusals_test.cpp, test/t/042_poison.t and test/t/057_quarantine.t.
#pragma once

#include "core/window.h"
#include "kafka/care.h"
#include "kafka/refusals.h"
#include "kafka/rotation.h"

#include <deque>

namespace outbox {

class AtLeastOnceSink : public Sink, private KafkaProducer::Listener {
public:
    // The target's properties have passed make_kafka_conf() before. Target, budget and listener outlive the sink. The sink finds by itself
    // how much is in flight, within the budget, unless the properties set a number of events.
    AtLeastOnceSink(KafkaTarget &target, Budget &budget, DeliveryListener &listener);
    ~AtLeastOnceSink() override;

    void start(const Source &source) override;
    void stop() override;
    Offer offer(const Begin &transaction, const Event &event, Chunk &chunk) override;
    void flush() override;
    void hurry() override {
        if (producer_)
            producer_->flush();
    }
    void serve() override;
    void reload() override;
    pollfd wanted() const override { return producer_ ? producer_->wanted() : pollfd{-1, 0, 0}; }
    Clock::time_point retry_at() const override { return producer_ ? producer_->retry_at() : Clock::time_point::max(); }
    Clock::time_point serve_at() const override;
    uint64_t events_set_aside() const override { return target_.learned.set_aside_count; }
    std::string waiting_for() const override;
    uint64_t window_events() const override { return window_.events(); }
    bool empty() const override { return entries_.empty(); }

private:
    Care care_for(EventPosition position, int64_t commit_time_ms) const;
    bool make_room(Care care);
    std::unique_ptr<KafkaProducer> make_producer(Care care);

    void repeat();
    void produce_queued();
    void on_its_way(Entry &entry);
    Clock::time_point repeat_at() const;
    void stop_at(const Entry &entry);
    void forget_queued();

    void reported(const rd_kafka_message_t &message, rd_kafka_resp_err_t error) override;
    void producer_died(const std::string &reason) override;
    void records_lost(const std::string &sentence) override;
    void statistics(std::string_view json) override { note_statistics(json, target_); }
    void acknowledged(Entry &entry);
    void end_producer();

    void judge();
    void queue_again();

    // When the sink was served last, which is often enough for rules of seconds and hours: the clocks are not read for each event.
    struct Moment {
        Clock::time_point at = Clock::now();
        int64_t wall_ms = now_ms();
    };

    KafkaTarget &target_;
    DeliveryListener &listener_;
    Source source_;
    EventProducer events_{target_, source_};
    std::unique_ptr<KafkaProducer> producer_; // from the first session on
    Care care_;                               // the care of that producer
    Budget &budget_;
    Window window_;

    // From the oldest that is not acknowledged on; the last `queued_` have to be produced again. Each counts in the budget, also one that
    // is acknowledged and stands behind an event whose partition has no leader.
    std::deque<Entry> entries_;
    size_t queued_ = 0; // the number of entries to produce again

    bool is_dead_ = false;    // a fatal error: the producer delivers nothing more
    bool is_closing_ = false; // the destructor runs
    std::string failure_;     // found while serving the producer, thrown afterwards
    Refusals refusals_{target_, source_};
    Renewal renewal_;
    Moment served_;
};

} // namespace outbox
