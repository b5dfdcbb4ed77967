#include "kafka/state_topic.h"

#include "base/log.h"

#include <cstring>

namespace outbox {
namespace {

constexpr int lookup_ms = 500;
constexpr int poll_ms = 5;
constexpr auto patience = std::chrono::seconds(30);
constexpr auto certainly_missing_after = std::chrono::seconds(3); // a broker that has just started may not know yet
constexpr int request_ms = 10000;
constexpr int slice_ms = 200; // of a wait in librdkafka, so that a signal is seen soon

// Short segments: only those that are closed are compacted, and a start reads all that is left.
constexpr std::pair<const char *, const char *> topic_config[] = {
    {"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}, {"min.cleanable.dirty.ratio", "0.1"}};

struct QueueDestroy {
    void operator()(rd_kafka_queue_t *queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDestroy>;

struct EventDestroy {
    void operator()(rd_kafka_event_t *event) const { rd_kafka_event_destroy(event); }
};
using Event_ = std::unique_ptr<rd_kafka_event_t, EventDestroy>;

KafkaHandle make_handle(rd_kafka_type_t type, KafkaConf conf, Reachability &kafka) {
    std::string error;
    KafkaHandle handle = make_kafka_client(type, std::move(conf), error, &kafka);
    if (!handle)
        throw SinkFailure("cannot create a Kafka client: " + error);
    return handle;
}

// How many partitions the topic has; 0: it is not there. nullopt: nobody answers.
std::optional<int> partitions_of(rd_kafka_t *handle, const std::string &name, rd_kafka_resp_err_t &error) {
    std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(rd_kafka_topic_new(handle, name.c_str(), nullptr),
                                                                               rd_kafka_topic_destroy);
    const rd_kafka_metadata_t *metadata = nullptr;
    error = rd_kafka_metadata(handle, 0, topic.get(), &metadata, lookup_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    int count = 0;
    if (metadata->topic_cnt == 1) {
        error = metadata->topics[0].err;
        count = error == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return count;
}

// A record that is made of an event has one header at least, in which its id is; a position has none. So no event can pass for a position,
// whatever its topic, key and payload are, and whichever relay has produced it.
bool has_headers(const rd_kafka_message_t &message) {
    rd_kafka_headers_t *headers = nullptr;
    rd_kafka_resp_err_t error = rd_kafka_message_headers(&message, &headers);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_header_cnt(headers) > 0 : error != RD_KAFKA_RESP_ERR__NOENT;
}

void require_shape(const std::string &topic, int partitions) {
    if (partitions != 1)
        throw PositionRefused(
            fmt::format("the state topic \"{}\" has {} partitions and must have exactly one; name another with --state-topic, "
                        "or delete it and run: outbox-relay setup --delivery exactly-once",
                        topic, partitions));
}

// Why Kafka does not answer, where a client knows; otherwise what its call said.
std::string reason_of(const Reachability &kafka, rd_kafka_resp_err_t error) {
    return kafka.is_away() ? kafka.sentence() : rd_kafka_err2str(error);
}

// Not as long as that where Kafka refuses the connection for a reason that does not pass.
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

} // namespace

std::string transactional_id(const Source &source) { return "outbox-" + source.system_identifier + "-" + source.slot; }

// ---- reading --------------------------------------------------------------------------------------------------------

StateReader::StateReader(const KafkaTarget &target, std::string key)
    : target_(target),
      key_(std::move(key)),
      asker_(make_handle(RD_KAFKA_CONSUMER, make_consumer_conf(target.brokers, target.properties, "read_uncommitted"), kafka_)),
      reader_(make_handle(RD_KAFKA_CONSUMER, make_consumer_conf(target.brokers, target.properties, "read_committed"), kafka_)) {}

StateReader::~StateReader() {
    if (topic_ == nullptr)
        return;
    if (end_)
        rd_kafka_consume_stop(topic_, 0);
    rd_kafka_topic_destroy(topic_);
}

bool StateReader::advance() {
    bool is_ready = end_ || find_end();
    for (rd_kafka_t *client : {asker_.get(), reader_.get()})
        if (client != nullptr)
            rd_kafka_poll(client, 0);
    if (!is_ready)
        return false;
    for (int wait = poll_ms; !is_at_end_; wait = 0)
        if (!read_one(wait))
            return false;
    asker_.reset();
    return true;
}

void StateReader::follow() {
    while (read_one(0)) {
    }
}

bool StateReader::read_one(int wait_ms) {
    std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)> message(rd_kafka_consume(topic_, 0, wait_ms),
                                                                                     rd_kafka_message_destroy);
    if (message)
        take(*message);
    return message != nullptr;
}

// The one look-up of its shape and its end. The metadata names a leader a moment before the leader knows: asked again.
bool StateReader::find_end() {
    rd_kafka_resp_err_t error;
    std::optional<int> partitions = partitions_of(reader_.get(), target_.state_topic, error); // which then knows where to read
    int64_t low = 0, high = 0;
    if (partitions)
        kafka_.answered();
    if (!partitions || error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        missing_since_ = Clock::time_point::max();
    else if (missing_since_ == Clock::time_point::max())
        missing_since_ = Clock::now();
    if (partitions && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        require_shape(target_.state_topic, *partitions);
        error = rd_kafka_query_watermark_offsets(asker_.get(), target_.state_topic.c_str(), 0, &low, &high, lookup_ms);
    }
    if (missing_since_ != Clock::time_point::max() && Clock::now() - missing_since_ > certainly_missing_after)
        throw PositionRefused(fmt::format(
            "the state topic \"{}\" does not exist; create it with: outbox-relay setup --delivery exactly-once", target_.state_topic));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        waiting_for_ = fmt::format("state topic \"{}\": {}", target_.state_topic, reason_of(kafka_, error));
        return false;
    }
    waiting_for_.clear();
    end_ = high;
    topic_ = rd_kafka_topic_new(reader_.get(), target_.state_topic.c_str(), nullptr);
    partitions_of(reader_.get(), target_.state_topic, error); // or it would learn of the leader half a second later
    if (topic_ == nullptr || rd_kafka_consume_start(topic_, 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
        throw SinkFailure("cannot read the state topic: " + std::string(rd_kafka_err2str(rd_kafka_last_error())));
    is_at_end_ = low == high;
    return true;
}

// The last offsets belong to transaction markers, which are no records: then only the notice of the end has them.
void StateReader::take(const rd_kafka_message_t &message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        is_at_end_ = message.offset >= *end_;
        waiting_for_ = is_at_end_ ? ""
                                  : fmt::format("an open transaction in the state topic \"{}\"; if it never ends: kafka-transactions.sh "
                                                "find-hanging, then abort",
                                                target_.state_topic);
        return;
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        waiting_for_ = fmt::format("state topic \"{}\": {}", target_.state_topic, reason_of(kafka_, message.err));
        return;
    }
    waiting_for_.clear();
    is_at_end_ = message.offset + 1 >= *end_;
    if (std::string_view(static_cast<const char *>(message.key), message.key_len) != key_ || has_headers(message))
        return;
    std::optional<State> state = parse_state({static_cast<const char *>(message.payload), message.len});
    bool is_unreadable = !state && message.payload != nullptr;
    unreadable_at_ = is_unreadable ? std::optional<int64_t>(message.offset) : std::nullopt;
    if (!is_unreadable)
        state_ = std::move(state);
}

void StateReader::require_readable() const {
    if (unreadable_at_)
        throw PositionRefused(fmt::format(
            "the last position in the state topic \"{}\", at offset {}, is not of this version of the relay: a newer one, or "
            "somebody else has written it. To go on from where the slot stands: outbox-relay setup --delivery exactly-once --reset-state",
            target_.state_topic, *unreadable_at_));
}

namespace {

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

// A topic that forgets old records would one day forget the position.
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

// A call that librdkafka takes up again where it was after a time-out, in slices.
template <class Call>
void complete(const char *what, Signals &signals, Call call) {
    for (auto until = Clock::now() + patience;;) {
        KafkaError error(call(slice_ms));
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
    KafkaHandle handle = make_handle(RD_KAFKA_PRODUCER, make_kafka_conf(target.brokers, target.properties), kafka);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool created = false;
    wait_for("topic \"" + target.state_topic + "\"", kafka, signals, [&](std::string &reason) {
        std::optional<int> partitions = partitions_of(handle.get(), target.state_topic, error);
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
        require_shape(target.state_topic, *partitions);
        return true;
    });
    require_compaction(handle.get(), target.state_topic, signals);
    return created;
}

StateWriter::StateWriter(const KafkaTarget &target, const Source &source, Signals &signals)
    : topic_(target.state_topic),
      key_(state_key(source)),
      signals_(signals),
      handle_(
          make_handle(RD_KAFKA_PRODUCER, make_transactional_conf(target.brokers, target.properties, transactional_id(source)), kafka_)) {
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
