#include "kafka/state_topic.h"

#include "base/destroy.h"
#include "base/log.h"
#include "kafka/metadata.h"
#include "kafka/state_reader.h"
#include "kafka/transaction.h"

#include <cstring>
#include <future>
#include <thread>

namespace outbox {
namespace {

constexpr auto patience = std::chrono::seconds(30);
constexpr int request_ms = 10000;
constexpr int slice_ms = 200; // a slice of a wait in librdkafka, so that a signal is seen soon

// The segments are short, since Kafka compacts only closed segments, and a start reads everything that is left.
constexpr std::pair<const char *, const char *> topic_config[] = {
    {"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}, {"min.cleanable.dirty.ratio", "0.1"}};

using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;

using Event_ = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;

// Repeats the attempt for `patience` at most; less where Kafka refuses the connection for a reason that does not pass.
template <class Try>
void wait_for(const std::string &what, const Reachability &kafka, Signals &signals, Try attempt) {
    std::string reason = "no answer";
    for (auto until = Clock::now() + patience; Clock::now() < until && !kafka.is_refused_for_good(Clock::now());) {
        if (attempt(reason))
            return;
        signals.pause(std::chrono::milliseconds(20));
    }
    throw std::runtime_error(what + ": " + reason);
}

std::unique_ptr<StateReader> read_to_end(const KafkaTarget &target, const Source &source, Signals &signals) {
    auto reader = std::make_unique<StateReader>(target, state_key(source));
    wait_for("cannot read the state topic", reader->kafka(), signals, [&](std::string &reason) {
        bool done = reader->advance();
        if (!reader->waiting_for().empty())
            reason = reader->waiting_for();
        return done;
    });
    return reader;
}

} // namespace

std::optional<State> read_state(const KafkaTarget &target, const Source &source, Signals &signals) {
    auto reader = read_to_end(target, source, signals);
    reader->require_readable();
    return reader->state();
}

std::optional<State> read_state_to_replace(const KafkaTarget &target, const Source &source, Signals &signals) {
    auto reader = read_to_end(target, source, signals);
    return reader->is_readable() ? reader->state() : std::nullopt;
}

// ---- setting up -----------------------------------------------------------------------------------------------------

namespace {

Event_ await(rd_kafka_queue_t *queue, Signals &signals, const std::string &what) {
    Event_ event;
    for (int left_ms = request_ms + 1000; !event && left_ms > 0; left_ms -= slice_ms) {
        event.reset(rd_kafka_queue_poll(queue, slice_ms));
        signals.stop_if_asked();
    }
    if (!event)
        throw std::runtime_error(what + ": no answer");
    if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error(what + ": " + rd_kafka_event_error_string(event.get()));
    return event;
}

void create(rd_kafka_t *handle, const std::string &name, Signals &signals) {
    std::string what = "cannot create topic \"" + name + "\"";
    char error[512];
    std::unique_ptr<rd_kafka_NewTopic_t, decltype(&rd_kafka_NewTopic_destroy)> topic(
        rd_kafka_NewTopic_new(name.c_str(), 1, -1 /* the broker's default */, error, sizeof(error)), rd_kafka_NewTopic_destroy);
    if (!topic)
        throw std::runtime_error(what + ": " + error);
    for (const auto &[property, value] : topic_config)
        rd_kafka_NewTopic_set_config(topic.get(), property, value);
    Queue queue(rd_kafka_queue_new(handle));
    rd_kafka_NewTopic_t *topics[] = {topic.get()};
    rd_kafka_CreateTopics(handle, topics, 1, nullptr, queue.get());
    Event_ event = await(queue.get(), signals, what);
    size_t count = 0;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
    rd_kafka_resp_err_t result = count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR && result != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        throw std::runtime_error(what + ": " + rd_kafka_err2str(result));
}

// Throws where the topic is not compacted: a topic that deletes old records would one day delete the position.
void require_compaction(rd_kafka_t *handle, const std::string &name, Signals &signals) {
    std::unique_ptr<rd_kafka_ConfigResource_t, decltype(&rd_kafka_ConfigResource_destroy)> resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()), rd_kafka_ConfigResource_destroy);
    Queue queue(rd_kafka_queue_new(handle));
    rd_kafka_ConfigResource_t *resources[] = {resource.get()};
    rd_kafka_DescribeConfigs(handle, resources, 1, nullptr, queue.get());
    Event_ event = await(queue.get(), signals, "cannot look at topic \"" + name + "\"");
    size_t count = 0;
    const rd_kafka_ConfigResource_t **results =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    rd_kafka_resp_err_t refused = count == 1 ? rd_kafka_ConfigResource_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (refused != RD_KAFKA_RESP_ERR_NO_ERROR)
        spdlog::warn(
            "cannot look whether the state topic \"{}\" has cleanup.policy=compact: {}. Allow DescribeConfigs on it, or make sure: a "
            "topic that deletes old records loses the position",
            name, rd_kafka_err2str(refused));
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t **configs = count == 1 ? rd_kafka_ConfigResource_configs(results[0], &entries) : nullptr;
    for (size_t i = 0; i < entries; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(configs[i]), "cleanup.policy") == 0 && rd_kafka_ConfigEntry_value(configs[i]) != nullptr &&
            strcmp(rd_kafka_ConfigEntry_value(configs[i]), "compact") != 0)
            throw PositionRefused(
                fmt::format("the state topic \"{}\" has cleanup.policy \"{}\" and must have \"compact\": positions must not "
                            "expire",
                            name, rd_kafka_ConfigEntry_value(configs[i])));
}

// A call of librdkafka's transactions, which librdkafka takes up again where it was after a time-out. A thread makes the call, so that a
// signal is seen soon and the call is not cut short (kafka/transaction.h). After a signal the thread is waited for.
template <class Call>
void complete(const char *what, Signals &signals, Call call) {
    for (auto until = Clock::now() + patience;; std::this_thread::sleep_for(transaction_pause)) {
        auto answer = std::async(std::launch::async, [&call] { return KafkaError(call(transaction_call_ms)); });
        while (answer.wait_for(std::chrono::milliseconds(slice_ms)) != std::future_status::ready)
            signals.stop_if_asked();
        KafkaError error = answer.get();
        signals.stop_if_asked();
        if (!error)
            return;
        if (!rd_kafka_error_is_retriable(error.get()) || Clock::now() >= until)
            throw std::runtime_error(std::string(what) + ": " + rd_kafka_error_string(error.get()));
    }
}

} // namespace

bool ensure_state_topic(const KafkaTarget &target, Signals &signals) {
    Reachability kafka;
    KafkaHandle handle = make_state_client(RD_KAFKA_PRODUCER, make_kafka_conf(target.brokers, target.properties), kafka);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    GrowingWait wait(lookup_ms);
    bool created = false;
    wait_for("topic \"" + target.state_topic + "\"", kafka, signals, [&](std::string &reason) {
        std::optional<int> partitions = count_partitions(handle.get(), target.state_topic, wait, error);
        if (!partitions)
            wait.was_short();
        if (partitions && error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && !created) {
            create(handle.get(), target.state_topic, signals);
            created = true;
        }
        rd_kafka_poll(handle.get(), 0);
        if (partitions)
            kafka.answered();
        reason = reason_of(kafka, error);
        if (!partitions || error != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
        require_one_partition(target.state_topic, *partitions);
        return true;
    });
    require_compaction(handle.get(), target.state_topic, signals);
    return created;
}

StateWriter::StateWriter(const KafkaTarget &target, const Source &source, Signals &signals)
    : topic_(target.state_topic),
      key_(state_key(source)),
      signals_(signals),
      handle_(make_state_client(RD_KAFKA_PRODUCER, make_transactional_conf(target.brokers, target.properties, transactional_id(source)),
                                kafka_)) {
    complete("cannot begin a Kafka transaction", signals_, [&](int ms) { return rd_kafka_init_transactions(handle_.get(), ms); });
}

void StateWriter::write(const State &state) {
    complete("cannot begin a Kafka transaction", signals_, [&](int) { return rd_kafka_begin_transaction(handle_.get()); });
    std::string value = format_state(state);
    rd_kafka_resp_err_t error = rd_kafka_producev(handle_.get(), RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_PARTITION(0),
                                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key_.data(), key_.size()),
                                                  RD_KAFKA_V_VALUE(value.data(), value.size()), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error(std::string("cannot write the state: ") + rd_kafka_err2str(error));
    complete("cannot commit the state", signals_, [&](int ms) { return rd_kafka_commit_transaction(handle_.get(), ms); });
}

} // namespace outbox
