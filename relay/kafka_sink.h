// Produces events to Kafka with librdkafka, without copying payloads: a record's value points into its chunk until its delivery report.
// A topic is looked up before its first record: one that is missing or forbidden stops the stream there, and nothing overtakes.
// Tested by test/t/.
#pragma once

#include "backoff.h"
#include "kafka_properties.h"
#include "log.h"
#include "sink.h"

#include <string>
#include <unordered_map>

namespace outbox {

class KafkaSink : public Sink {
public:
    // The target's properties have been through make_kafka_conf before. Target and listener outlive the sink.
    KafkaSink(KafkaTarget &target, DeliveryListener &listener);
    ~KafkaSink() override;

    bool offer(const Begin &transaction, const Event &event, Chunk &chunk) override;
    void flush() override;
    void serve() override;
    pollfd wanted() const override { return {wakeup_, POLLIN, 0}; }
    Clock::time_point retry_at() const override { return retry_at_; }
    bool empty() const override { return in_flight_ == 0; }

private:
    struct TopicDestroy {
        void operator()(rd_kafka_topic_t *topic) const { rd_kafka_topic_destroy(topic); }
    };
    using Topic = std::unique_ptr<rd_kafka_topic_t, TopicDestroy>;

    rd_kafka_topic_t *topic_of(std::string_view name);
    bool topic_is_ready(rd_kafka_topic_t *topic);
    rd_kafka_headers_t *make_headers(const Event &event, size_t &cost);
    void take_back();
    void serve_queue(int timeout_ms);
    void serve_deliveries(rd_kafka_event_t *event);
    void note_failure(const rd_kafka_message_t *message);
    void throw_refusal();
    void look_again_later();
    void serve_error(rd_kafka_event_t *event);
    void serve_log(rd_kafka_event_t *event);
    static void say(Condition &condition, const std::string &text);

    KafkaTarget &target_;
    DeliveryListener &listener_;
    rd_kafka_t *producer_ = nullptr;
    rd_kafka_queue_t *queue_ = nullptr;
    int wakeup_ = -1; // an eventfd that librdkafka writes to when the queue is no longer empty

    std::unordered_map<std::string, Topic> topics_; // that are ready
    std::string name_, key_, text_, bytes_;         // scratch
    size_t in_flight_ = 0;
    bool has_unflushed_ = false;                            // records that may still linger
    Clock::time_point retry_at_ = Clock::time_point::max(); // when something outside is looked at again
    Backoff topic_backoff_{std::chrono::milliseconds(1600)};
    bool is_trying_suspect_ = false; // its record is in flight
    bool is_dead_ = false;           // a fatal error: this producer delivers nothing more
    bool is_closing_ = false;        // in the destructor
    std::string failure_, refusal_;  // found while serving the queue, thrown after it
    size_t batch_bytes_ = 0;         // the producer's batch.size
    size_t refused_ = 0, refused_bytes_ = 0, largest_refused_ = 0;
    Condition brokers_, topic_;
};

} // namespace outbox
