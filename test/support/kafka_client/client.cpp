#include "test/support/kafka_client/client.h"

#include <cstdlib>
#include <sstream>

namespace kafka_client {
namespace {

// Reads KAFKA_CLIENT_PROPERTIES: one property=value on each line.
template <typename Visit>
void for_each_property(Visit visit) {
    const char *text = std::getenv("KAFKA_CLIENT_PROPERTIES");
    std::istringstream lines(text == nullptr ? "" : text);
    for (std::string line; std::getline(lines, line);)
        visit(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
}

} // namespace

Client connect(rd_kafka_type_t type, const char *brokers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[512];
    const std::pair<const char *, const char *> settings[] = {
        {"bootstrap.servers", brokers},           {"reconnect.backoff.ms", "50"}, // a broker that is just starting is asked again soon
        {"reconnect.backoff.max.ms", "200"},      {"log_level", "2"},
        {"allow.auto.create.topics", "false"},    {"enable.partition.eof", "true"},
        {"queued.min.messages", "1000000"}, // a fetcher whose queue is full pauses for a second
        {"queued.max.messages.kbytes", "262144"}, {"check.crcs", "true"},
    };
    for (const auto &[name, value] : settings)
        if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK)
            fail(reason);
    for_each_property([&](const std::string &name, const std::string &value) {
        if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK)
            fail(reason);
    });
    Client client(rd_kafka_new(type, conf, reason, sizeof reason));
    if (!client)
        fail(reason);
    return client;
}

Metadata metadata_of(rd_kafka_t *client, int timeout_ms) {
    const rd_kafka_metadata_t *metadata = nullptr;
    if (rd_kafka_metadata(client, 1, nullptr, &metadata, timeout_ms))
        return nullptr;
    return Metadata(metadata);
}

bool serves(const rd_kafka_metadata_t &metadata) {
    if (metadata.broker_cnt == 0)
        return false;
    for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
        for (const auto &partition : std::span(topic.partitions, topic.partition_cnt))
            if (partition.err || partition.leader < 0)
                return false;
    return true;
}

bool has_topic(const rd_kafka_metadata_t &metadata, std::string_view name) {
    for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
        if (topic.topic == name)
            return topic.err == RD_KAFKA_RESP_ERR_NO_ERROR;
    return false;
}

Event await_result(rd_kafka_queue_t *queue, const std::string &what) {
    Event event(rd_kafka_queue_poll(queue, request_timeout_ms));
    if (!event)
        fail(what + ": no answer");
    check(rd_kafka_event_error(event.get()), what);
    return event;
}

std::pair<int64_t, int64_t> ends_of(rd_kafka_t *client, const char *topic, int partition) {
    int64_t low, high;
    rd_kafka_resp_err_t error;
    const Deadline deadline(10);
    do
        error = rd_kafka_query_watermark_offsets(client, topic, partition, &low, &high, request_timeout_ms);
    while (error && !deadline.passed() && rd_kafka_poll(client, 50) >= 0);
    check(error, std::string("cannot ask for the ends of ") + topic);
    return {low, high};
}

} // namespace kafka_client
