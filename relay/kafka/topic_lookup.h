// Asks Kafka for one topic, or at once for all topics that Kafka shows to this client. librdkafka's call waits for the answer, so a thread
// makes the call, one at a time; the producer's loop goes on, and the answer wakes the loop. Tested by test/unit/kafka_producer_test.cpp.
#pragma once

#include "base/background_call.h"
#include "kafka/growing_wait.h"

#include <optional>
#include <string>
#include <unordered_map>

#include <librdkafka/rdkafka.h>

namespace outbox {

class TopicLookup {
public:
    struct Answer {
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR; // of the request; no topic has an answer then
        std::unordered_map<std::string, rd_kafka_resp_err_t> topics = {};
    };

    // Waits for the answer that is on its way, since the producer must outlive the call. A call takes two seconds at most.
    ~TopicLookup() = default;

    // `handle`: the producer, which lives until close(). `wakeup`: an eventfd, to which the thread writes when there is an answer.
    void open(rd_kafka_t *handle, int wakeup);
    void close();

    void ask(const std::string &name, rd_kafka_topic_t *topic); // the topic lives until close()
    // Asks for all topics; of a very large cluster only the first topics_max count.
    void ask_for_all(const std::string &name);

    bool is_asking() const { return call_.is_running(); }
    bool is_for_all() const { return is_for_all_; }
    const std::string &name() const { return name_; } // the topic for whose sake Kafka was asked
    // nullopt: there is no answer yet.
    std::optional<Answer> take();

private:
    static constexpr int topics_max = 20000; // of a cluster: some 100 bytes each

    void start(rd_kafka_topic_t *topic);
    static Answer look_up(rd_kafka_t *handle, rd_kafka_topic_t *topic, int timeout_ms);

    rd_kafka_t *handle_ = nullptr;
    int wakeup_ = -1;
    std::string name_;
    bool is_for_all_ = false;
    GrowingWait wait_{500};
    BackgroundCall<Answer> call_;
};

} // namespace outbox
