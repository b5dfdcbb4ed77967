#include "test/support/kafka_client/commands.h"
#include "test/support/kafka_client/record_printer.h"

#include <cstdio>
#include <cstdlib>
#include <map>

namespace kafka_client {
namespace {

constexpr int end_timeout_ms = 60'000;

// Reads one topic from its first offsets to the end offsets at the start, all partitions through one queue, with librdkafka's simple
// consumer: without a group and without committed offsets, so it leaves nothing in the broker.
class Reading {
public:
    Reading(rd_kafka_t *client, const char *name, const rd_kafka_metadata_t &metadata, rd_kafka_queue_t *queue)
        : topic_(rd_kafka_topic_new(client, name, nullptr)) {
        if (!has_topic(metadata, name))
            fail(std::string("no topic ") + name);
        for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
            if (std::string_view(topic.topic) == name)
                start(client, name, topic.partition_cnt, queue);
    }

    bool finished() const { return ends_.empty(); }

    // Whether the record is to be printed. The end of a partition is known from offsets (or from an end-of-partition event, where control
    // records are last), never from silence.
    bool take(const rd_kafka_message_t &message) {
        const auto end = ends_.find(message.partition);
        if (end == ends_.end())
            return false;
        const bool at_end = message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!at_end)
            check(message.err, "cannot consume");
        const bool wanted = !at_end && message.offset < end->second;
        if (message.offset + (at_end ? 0 : 1) >= end->second)
            ends_.erase(end);
        return wanted;
    }

private:
    void start(rd_kafka_t *client, const char *name, int partitions, rd_kafka_queue_t *queue) {
        for (int partition = 0; partition < partitions; partition++) {
            const auto [low, high] = ends_of(client, name, partition);
            if (low == high)
                continue;
            ends_[partition] = high;
            if (rd_kafka_consume_start_queue(topic_.get(), partition, low, queue))
                check(rd_kafka_last_error(), "cannot start");
        }
    }

    Topic topic_;
    std::map<int, int64_t> ends_;
};

// Calls back with topic, partition and end offset, for every partition of the topics.
template <typename Visit>
void for_each_end(rd_kafka_t *client, Arguments topics, Visit visit) {
    const Metadata metadata = metadata_of(client, request_timeout_ms);
    if (!metadata)
        fail("no metadata");
    for (const std::string_view name : topics)
        for (const auto &topic : std::span(metadata->topics, metadata->topic_cnt))
            for (int partition = 0; topic.topic == name && partition < topic.partition_cnt; partition++)
                visit(topic.topic, partition, ends_of(client, topic.topic, partition).second);
}

} // namespace

void consume(const char *brokers, Arguments topics) {
    const Client client = connect(RD_KAFKA_CONSUMER, brokers);
    const Metadata metadata = metadata_of(client.get(), request_timeout_ms);
    if (!metadata)
        fail("no metadata");
    RecordPrinter printer;
    for (const char *name : topics) {
        const Queue queue(rd_kafka_queue_new(client.get()));
        Reading reading(client.get(), name, *metadata, queue.get());
        while (!reading.finished()) {
            const Message message(rd_kafka_consume_queue(queue.get(), end_timeout_ms));
            if (!message)
                fail("no record for a minute, yet the end is not reached");
            if (reading.take(*message))
                printer.print(*message);
        }
    }
    if (std::fflush(stdout))
        fail("cannot write");
    std::_Exit(0); // without the orderly shutdown of fetchers, which takes longer than the reading
}

void ends(const char *brokers, Arguments topics) {
    const Client client = connect(RD_KAFKA_CONSUMER, brokers);
    for_each_end(client.get(), topics, [](const char *topic, int partition, int64_t end) {
        std::printf("%s/%d %lld\n", topic, partition, static_cast<long long>(end));
    });
}

// Afterwards the first offset of each partition is its end offset.
void trim(const char *brokers, Arguments topics) {
    const Client client = connect(RD_KAFKA_CONSUMER, brokers);
    const Queue queue(rd_kafka_queue_new(client.get()));
    const Owned<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy> list(rd_kafka_topic_partition_list_new(16));
    for_each_end(client.get(), topics, [&](const char *topic, int partition, int64_t end) {
        rd_kafka_topic_partition_list_add(list.get(), topic, partition)->offset = end;
    });
    const Owned<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy> request(rd_kafka_DeleteRecords_new(list.get()));
    rd_kafka_DeleteRecords_t *requests[] = {request.get()};
    rd_kafka_DeleteRecords(client.get(), requests, 1, nullptr, queue.get());
    await_result(queue.get(), "cannot trim");
}

} // namespace kafka_client
