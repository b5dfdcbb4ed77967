#include "test/support/kafka_client/commands.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace kafka_client {
namespace {

void check_topics(const rd_kafka_topic_result_t **results, size_t count, const std::string &what) {
    for (const auto *result : std::span(results, count))
        check(rd_kafka_topic_result_error(result), what);
}

// Whether every replica of every partition is in sync.
bool is_in_sync(const rd_kafka_metadata_t &metadata) {
    for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
        for (const auto &partition : std::span(topic.partitions, topic.partition_cnt))
            if (partition.isr_cnt < partition.replica_cnt)
                return false;
    return serves(metadata);
}

// Calls back with name and value of each CONFIG=VALUE.
template <typename Visit>
void for_each_setting(Arguments settings, Visit visit) {
    for (const std::string setting : settings) {
        const size_t equals = setting.find('=');
        if (equals == std::string::npos)
            fail("expected CONFIG=VALUE, got " + setting);
        visit(setting.substr(0, equals).c_str(), setting.c_str() + equals + 1);
    }
}

int partitions_of(const rd_kafka_metadata_t &metadata, std::string_view name) {
    for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
        if (topic.topic == name)
            return topic.partition_cnt;
    return 0;
}

} // namespace

void ready(const char *brokers, Arguments arguments) {
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const int nodes = arguments.size() < 2 ? 1 : std::atoi(arguments[1]);
    wait_until(client.get(), arguments.empty() ? 30 : std::atoi(arguments[0]), "broker not ready",
               [&](const auto &metadata) { return metadata.broker_cnt >= nodes && serves(metadata); });
}

void in_sync(const char *brokers, Arguments arguments) {
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    wait_until(client.get(), arguments.empty() ? 30 : std::atoi(arguments[0]), "replicas not in sync", is_in_sync);
}

void leaders(const char *brokers, Arguments topics) {
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const Metadata metadata = metadata_of(client.get(), request_timeout_ms);
    if (!metadata)
        fail("no metadata");
    for (const std::string_view name : topics)
        for (const auto &topic : std::span(metadata->topics, metadata->topic_cnt))
            for (const auto &partition : std::span(topic.partitions, topic.topic == name ? topic.partition_cnt : 0))
                std::printf("%s/%d %d\n", topic.topic, partition.id, partition.leader);
}

void create_topic(const char *brokers, Arguments arguments) {
    const std::string name = arguments[0], what = "cannot create topic " + name;
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const Queue queue(rd_kafka_queue_new(client.get()));
    char reason[512];
    const NewTopic topic(
        rd_kafka_NewTopic_new(name.c_str(), std::atoi(arguments[1]), -1 /* replicas: the broker's default */, reason, sizeof reason));
    if (!topic)
        fail(reason);
    for_each_setting(arguments.subspan(2),
                     [&](const char *name, const char *value) { check(rd_kafka_NewTopic_set_config(topic.get(), name, value), what); });
    rd_kafka_NewTopic_t *topics[] = {topic.get()};
    rd_kafka_CreateTopics(client.get(), topics, 1, nullptr, queue.get());
    const Event event = await_result(queue.get(), what);
    size_t count;
    const auto results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
    check_topics(results, count, what);
    wait_until(client.get(), 30, what, [&](const auto &metadata) { return has_topic(metadata, name) && serves(metadata); });
}

void create_topics(const char *brokers, Arguments arguments) {
    constexpr int at_once = 500;
    const std::string prefix = arguments[0], what = "cannot create topics " + prefix;
    const int total = std::atoi(arguments[1]);
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const Queue queue(rd_kafka_queue_new(client.get()));
    for (int from = 0; from < total; from += at_once) {
        std::vector<NewTopic> topics;
        std::vector<rd_kafka_NewTopic_t *> request;
        char reason[512];
        for (int i = from; i < std::min(total, from + at_once); i++) {
            const std::string name = prefix + std::to_string(i);
            topics.emplace_back(rd_kafka_NewTopic_new(name.c_str(), std::atoi(arguments[2]), -1, reason, sizeof reason));
            request.push_back(topics.back().get());
        }
        rd_kafka_CreateTopics(client.get(), request.data(), request.size(), nullptr, queue.get());
        const Event event = await_result(queue.get(), what);
        size_t count;
        const auto results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
        check_topics(results, count, what);
    }
    const std::string last = prefix + std::to_string(total - 1);
    wait_until(client.get(), 60, what, [&](const auto &metadata) { return has_topic(metadata, last) && serves(metadata); });
}

void configure_topic(const char *brokers, Arguments arguments) {
    const std::string name = arguments[0], what = "cannot configure topic " + name;
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const Queue queue(rd_kafka_queue_new(client.get()));
    const Owned<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy> resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    for_each_setting(arguments.subspan(1), [&](const char *setting, const char *value) {
        check(rd_kafka_ConfigResource_set_config(resource.get(), setting, value), what);
    });
    rd_kafka_ConfigResource_t *resources[] = {resource.get()};
    rd_kafka_AlterConfigs(client.get(), resources, 1, nullptr, queue.get());
    const Event event = await_result(queue.get(), what);
    size_t count;
    const auto results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event.get()), &count);
    for (const auto *result : std::span(results, count))
        check(rd_kafka_ConfigResource_error(result), what);
}

void add_partitions(const char *brokers, Arguments arguments) {
    const std::string name = arguments[0], what = "cannot add partitions to " + name;
    const int count = std::atoi(arguments[1]);
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const Queue queue(rd_kafka_queue_new(client.get()));
    char reason[512];
    const NewPartitions partitions(rd_kafka_NewPartitions_new(name.c_str(), static_cast<size_t>(count), reason, sizeof reason));
    if (!partitions)
        fail(reason);
    rd_kafka_NewPartitions_t *each[] = {partitions.get()};
    rd_kafka_CreatePartitions(client.get(), each, 1, nullptr, queue.get());
    const Event event = await_result(queue.get(), what);
    size_t results_count;
    const auto results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event.get()), &results_count);
    check_topics(results, results_count, what);
    wait_until(client.get(), 30, what, [&](const auto &metadata) { return partitions_of(metadata, name) == count && serves(metadata); });
}

void delete_topic(const char *brokers, Arguments arguments) {
    const std::string name = arguments[0], what = "cannot delete topic " + name;
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const Queue queue(rd_kafka_queue_new(client.get()));
    const DeleteTopic topic(rd_kafka_DeleteTopic_new(name.c_str()));
    rd_kafka_DeleteTopic_t *topics[] = {topic.get()};
    rd_kafka_DeleteTopics(client.get(), topics, 1, nullptr, queue.get());
    const Event event = await_result(queue.get(), what);
    size_t count;
    const auto results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
    check_topics(results, count, what);
    wait_until(client.get(), 30, what, [&](const auto &metadata) { return !has_topic(metadata, name); });
}

} // namespace kafka_client
