// Asks Kafka for topics: for one, or for all that it shows us, at once. librdkafka's call waits for the answer, so a thread of its own
// makes it, one at a time; the producer's loop asks, goes on, and is woken by the answer. Tested by test/unit/kafka_producer_test.cpp.
#pragma once

#include "base/background_call.h"

#include <optional>
#include <string>
#include <unordered_map>

#include <librdkafka/rdkafka.h>

namespace outbox {

class TopicLookup {
public:
    struct Answer {
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR; // of the request; then no topic has one
        std::unordered_map<std::string, rd_kafka_resp_err_t> topics = {};
    };

    // Waits for the answer that is on its way: the producer must not go before. One for a topic takes half a second at most, one for all
    // two seconds.
    ~TopicLookup() = default;

    // The producer, until close(), and an eventfd that is written to when there is an answer.
    void open(rd_kafka_t *handle, int wakeup);
    void close();

    void ask(const std::string &name, rd_kafka_topic_t *topic); // the topic stays until close()
    // Of a cluster with very many topics only the first are taken: see topics_max.
    void ask_for_all(const std::string &name);

    bool is_asking() const { return call_.is_running(); }
    bool is_for_all() const { return is_for_all_; }
    const std::string &name() const { return name_; } // for whose sake it was asked
    // nullopt: not yet.
    std::optional<Answer> take() { return call_.take(); }

private:
    static constexpr int topic_ms = 500, all_ms = 2000;
    static constexpr int topics_max = 20000; // of a cluster: some 100 bytes each

    void start(rd_kafka_topic_t *topic, int timeout_ms);
    static Answer look_up(rd_kafka_t *handle, rd_kafka_topic_t *topic, int timeout_ms);

    rd_kafka_t *handle_ = nullptr;
    int wakeup_ = -1;
    std::string name_;
    bool is_for_all_ = false;
    BackgroundCall<Answer> call_;
};

} // namespace outbox
