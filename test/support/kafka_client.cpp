// kafka-client: the tests' own view of a broker, through librdkafka only, so that nothing the relay believes about Kafka is
// believed here. Not a general tool: one broker, everything printed is for a program to read.
// Tested by test/t/002_records.t, which compares what it prints with what was emitted.
#include <librdkafka/rdkafka.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr int request_timeout_ms = 10'000;
constexpr int end_timeout_ms = 60'000;

constexpr const char *usage_text = "usage: kafka-client BROKERS ready [SECONDS [NODES]]\n"
                                   "       kafka-client BROKERS in-sync [SECONDS]\n"
                                   "       kafka-client BROKERS create-topic NAME PARTITIONS [CONFIG=VALUE]...\n"
                                   "       kafka-client BROKERS configure-topic NAME CONFIG=VALUE...\n"
                                   "       kafka-client BROKERS add-partitions NAME PARTITIONS\n"
                                   "       kafka-client BROKERS delete-topic NAME\n"
                                   "       kafka-client BROKERS consume TOPIC...\n"
                                   "       kafka-client BROKERS trim TOPIC...\n"
                                   "       kafka-client BROKERS ends TOPIC...\n";

template <auto Destroy>
struct Deleter {
    template <typename T>
    void operator()(T *object) const {
        Destroy(object);
    }
};
template <typename T, auto Destroy>
using Owned = std::unique_ptr<T, Deleter<Destroy>>;

using Client = Owned<rd_kafka_t, rd_kafka_destroy>;
using Queue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using Message = Owned<rd_kafka_message_t, rd_kafka_message_destroy>;
using Topic = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using NewPartitions = Owned<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using DeleteTopic = Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using Metadata = Owned<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using Arguments = std::span<char *>;

[[noreturn]] void fail(const std::string &what) { throw std::runtime_error(what); }

void check(rd_kafka_resp_err_t error, const std::string &what) {
    if (error)
        fail(what + ": " + rd_kafka_err2str(error));
}

class Deadline {
public:
    explicit Deadline(int seconds) : end_(std::chrono::steady_clock::now() + std::chrono::seconds(seconds)) {}
    bool passed() const { return std::chrono::steady_clock::now() > end_; }

private:
    std::chrono::steady_clock::time_point end_;
};

// Of KAFKA_CLIENT_PROPERTIES: property=value, one a line.
template <typename Visit>
void for_each_property(Visit visit) {
    const char *text = std::getenv("KAFKA_CLIENT_PROPERTIES");
    std::istringstream lines(text == nullptr ? "" : text);
    for (std::string line; std::getline(lines, line);)
        visit(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
}

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

// A broker answers before it serves: after a crash its partitions have no leader until the controller trusts it again.
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

// Asks again until `condition` holds of the cluster's metadata.
template <typename Condition>
void wait_until(rd_kafka_t *client, int seconds, const std::string &what, Condition condition) {
    for (const Deadline deadline(seconds); !deadline.passed();) {
        const Metadata metadata = metadata_of(client, 500);
        if (metadata && condition(*metadata))
            return;
        rd_kafka_poll(client, 20);
    }
    fail("gave up after " + std::to_string(seconds) + " s: " + what);
}

Event await_result(rd_kafka_queue_t *queue, const std::string &what) {
    Event event(rd_kafka_queue_poll(queue, request_timeout_ms));
    if (!event)
        fail(what + ": no answer");
    check(rd_kafka_event_error(event.get()), what);
    return event;
}

void check_topics(const rd_kafka_topic_result_t **results, size_t count, const std::string &what) {
    for (const auto *result : std::span(results, count))
        check(rd_kafka_topic_result_error(result), what);
}

void ready(const char *brokers, Arguments arguments) {
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    const int nodes = arguments.size() < 2 ? 1 : std::atoi(arguments[1]);
    wait_until(client.get(), arguments.empty() ? 30 : std::atoi(arguments[0]), "broker not ready",
               [&](const auto &metadata) { return metadata.broker_cnt >= nodes && serves(metadata); });
}

// Every replica of every partition is in sync.
bool is_in_sync(const rd_kafka_metadata_t &metadata) {
    for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
        for (const auto &partition : std::span(topic.partitions, topic.partition_cnt))
            if (partition.isr_cnt < partition.replica_cnt)
                return false;
    return serves(metadata);
}

void in_sync(const char *brokers, Arguments arguments) {
    const Client client = connect(RD_KAFKA_PRODUCER, brokers);
    wait_until(client.get(), arguments.empty() ? 30 : std::atoi(arguments[0]), "replicas not in sync", is_in_sync);
}

// Calls back with each name and value of CONFIG=VALUE.
template <typename Visit>
void for_each_setting(Arguments settings, Visit visit) {
    for (const std::string setting : settings) {
        const size_t equals = setting.find('=');
        if (equals == std::string::npos)
            fail("expected CONFIG=VALUE, got " + setting);
        visit(setting.substr(0, equals).c_str(), setting.c_str() + equals + 1);
    }
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

// What is not named gets its default again.
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

int partitions_of(const rd_kafka_metadata_t &metadata, std::string_view name) {
    for (const auto &topic : std::span(metadata.topics, metadata.topic_cnt))
        if (topic.topic == name)
            return topic.partition_cnt;
    return 0;
}

// So that the topic has as many as PARTITIONS says.
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

using Bytes = std::string_view;

bool is_utf8(Bytes bytes) {
    const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0; };
    for (size_t i = 0; i < bytes.size();) {
        const unsigned lead = at(i), next = at(i + 1);
        const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
        if (length == 0)
            return false;
        for (size_t k = 1; k < length; k++)
            if ((at(i + k) & 0xC0) != 0x80)
                return false;
        const bool overlong = (lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90);
        const bool surrogate = lead == 0xED && next > 0x9F, too_big = lead == 0xF4 && next > 0x8F;
        if (overlong || surrogate || too_big)
            return false;
        i += length;
    }
    return true;
}

void append_base64(Bytes bytes, std::string &out) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
    out.clear();
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
        out += digits[group >> 18];
        out += digits[group >> 12 & 63];
        out += i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=';
        out += i + 2 < bytes.size() ? digits[group & 63] : '=';
    }
}

// Writes records as JSON lines on standard output, members always in the same order.
class Printer {
public:
    void print(const rd_kafka_message_t &message) {
        rd_kafka_timestamp_type_t timestamp_type;
        line_.Clear();
        json_.Reset(line_);
        json_.StartObject();
        member("topic", rd_kafka_topic_name(message.rkt));
        member("partition", static_cast<int64_t>(message.partition));
        member("offset", message.offset);
        member("timestamp", rd_kafka_message_timestamp(&message, &timestamp_type));
        const Bytes key(static_cast<const char *>(message.key), message.key_len);
        if (message.key && is_utf8(key))
            member("key", key);
        else
            null("key");
        if (message.key && !is_utf8(key))
            base64_member("key_base64", key);
        if (message.payload)
            base64_member("value", Bytes(static_cast<const char *>(message.payload), message.len));
        else
            null("value");
        headers(message);
        json_.EndObject();
        line_.Put('\n');
        if (std::fwrite(line_.GetString(), 1, line_.GetSize(), stdout) != line_.GetSize())
            fail("cannot write");
    }

private:
    void name(const char *name) { json_.Key(name); }
    void string(Bytes text) { json_.String(text.data() ? text.data() : "", static_cast<unsigned>(text.size())); }
    void member(const char *key, Bytes text) { name(key), string(text); }
    void member(const char *key, int64_t number) { name(key), json_.Int64(number); }
    void null(const char *key) { name(key), json_.Null(); }
    void base64_member(const char *key, Bytes bytes) { append_base64(bytes, base64_), member(key, Bytes(base64_)); }

    // [name, text]; a value that is no UTF-8 is [name, null, base64], an absent one [name, null].
    void headers(const rd_kafka_message_t &message) {
        name("headers");
        json_.StartArray();
        rd_kafka_headers_t *headers = nullptr;
        if (!rd_kafka_message_headers(&message, &headers)) {
            const char *header;
            const void *value;
            size_t size;
            for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &header, &value, &size); i++) {
                const Bytes bytes(static_cast<const char *>(value), value ? size : 0);
                json_.StartArray();
                string(header);
                if (value && is_utf8(bytes))
                    string(bytes);
                else
                    json_.Null();
                if (value && !is_utf8(bytes))
                    append_base64(bytes, base64_), string(base64_);
                json_.EndArray();
            }
        }
        json_.EndArray();
    }

    rapidjson::StringBuffer line_;
    rapidjson::Writer<rapidjson::StringBuffer> json_{line_};
    std::string base64_;
};

// Where a partition begins and ends. Metadata names a leader a moment before the leader knows: refusals are asked again.
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

// One topic on its way from its beginnings to the ends it had at the start, all partitions through one queue. The simple consumer
// of librdkafka: no group, no offsets kept, nothing that the broker would remember.
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

    // Whether the record is to be printed. The end is proven by offsets (an end-of-partition event covers an end made of
    // markers), never guessed from silence.
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

// Every record that there was when it started, topic by topic.
void consume(const char *brokers, Arguments topics) {
    const Client client = connect(RD_KAFKA_CONSUMER, brokers);
    const Metadata metadata = metadata_of(client.get(), request_timeout_ms);
    if (!metadata)
        fail("no metadata");
    Printer printer;
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
    std::_Exit(0); // an orderly shutdown of fetchers in flight takes longer than the reading
}

// Calls back with topic, partition and where it ends, for every partition of the topics.
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

void ends(const char *brokers, Arguments topics) {
    const Client client = connect(RD_KAFKA_CONSUMER, brokers);
    for_each_end(client.get(), topics, [](const char *topic, int partition, int64_t end) {
        std::printf("%s/%d %lld\n", topic, partition, static_cast<long long>(end));
    });
}

// Deletes every record there is: partitions then begin where they end.
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

struct Command {
    std::string_view name;
    size_t min_arguments;
    void (*run)(const char *brokers, Arguments arguments);
};
constexpr Command commands[] = {{"ready", 0, ready},
                                {"in-sync", 0, in_sync},
                                {"create-topic", 2, create_topic},
                                {"configure-topic", 2, configure_topic},
                                {"add-partitions", 2, add_partitions},
                                {"delete-topic", 1, delete_topic},
                                {"consume", 1, consume},
                                {"trim", 1, trim},
                                {"ends", 1, ends}};

} // namespace

int main(int argc, char **argv) {
    const Arguments arguments(argv, argc);
    try {
        for (const Command &command : commands)
            if (argc > 2 && command.name == argv[2] && arguments.size() - 3 >= command.min_arguments) {
                command.run(argv[1], arguments.subspan(3));
                return 0;
            }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "kafka-client: %s\n", error.what());
        return 1;
    }
    std::fputs(usage_text, stderr);
    return 2;
}
