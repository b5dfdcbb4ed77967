#include "kafka/topic_admin.h"

#include "base/destroy.h"

#include <memory>
#include <stdexcept>

namespace outbox {
namespace {

constexpr int answer_ms = 10000;
constexpr int slice_ms = 200; // a slice of a wait in librdkafka, so that a signal is seen soon

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Answer = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;

// Kafka's reason for a refusal, with the broker's own words where there are some; empty: the topic is created.
std::string refusal_of(rd_kafka_event_t *answer) {
    if (rd_kafka_event_error(answer) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return rd_kafka_event_error_string(answer);
    size_t count = 0;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &count);
    if (count != 1)
        return "no answer";
    if (rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return "";
    const char *words = rd_kafka_topic_result_error_string(results[0]);
    return words != nullptr && *words != '\0' ? words : rd_kafka_err2str(rd_kafka_topic_result_error(results[0]));
}

} // namespace

void create_topic(const KafkaTarget &target, const TopicSpec &topic, Signals &signals) {
    Reachability kafka;
    std::string error, what = "cannot create topic \"" + topic.name + "\": ";
    KafkaHandle handle = make_kafka_client(RD_KAFKA_PRODUCER, make_kafka_conf(target.brokers, target.properties), error, &kafka);
    if (!handle)
        throw std::runtime_error("cannot create a Kafka client: " + error);
    char refused[512] = "";
    int partitions = topic.partitions > 0 ? topic.partitions : -1, replicas = topic.replicas > 0 ? topic.replicas : -1;
    NewTopic new_topic(rd_kafka_NewTopic_new(topic.name.c_str(), partitions, replicas, refused, sizeof(refused)));
    if (!new_topic)
        throw std::runtime_error(what + refused);
    if (topic.min_insync > 0)
        rd_kafka_NewTopic_set_config(new_topic.get(), "min.insync.replicas", std::to_string(topic.min_insync).c_str());
    Queue queue(rd_kafka_queue_new(handle.get()));
    rd_kafka_NewTopic_t *topics[] = {new_topic.get()};
    rd_kafka_CreateTopics(handle.get(), topics, 1, nullptr, queue.get());
    for (int waited_ms = 0; waited_ms < answer_ms; waited_ms += slice_ms) {
        Answer answer(rd_kafka_queue_poll(queue.get(), slice_ms));
        rd_kafka_poll(handle.get(), 0);
        signals.stop_if_asked();
        if (!answer)
            continue;
        if (std::string reason = refusal_of(answer.get()); !reason.empty())
            throw std::runtime_error(what + reason);
        return;
    }
    throw std::runtime_error(what + (kafka.is_away() ? kafka.sentence() : "no answer"));
}

} // namespace outbox
