#include "kafka/state_reader.h"

#include "base/log.h"
#include "kafka/metadata.h"

namespace outbox {
namespace {

constexpr int poll_ms = 5;
constexpr auto certainly_missing_after = std::chrono::seconds(3); // a broker that has just started may not know the topic yet

// A record of an event has at least one header, with the event's id; a position's record has none. So no event can pass for a position,
// whatever its topic, key and payload are, and whichever relay has produced it.
bool has_headers(const rd_kafka_message_t &message) {
    rd_kafka_headers_t *headers = nullptr;
    rd_kafka_resp_err_t error = rd_kafka_message_headers(&message, &headers);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_header_cnt(headers) > 0 : error != RD_KAFKA_RESP_ERR__NOENT;
}

} // namespace

StateReader::StateReader(const KafkaTarget &target, std::string key)
    : target_(target),
      key_(std::move(key)),
      asker_(make_state_client(RD_KAFKA_CONSUMER, make_consumer_conf(target.brokers, target.properties, "read_uncommitted"), kafka_)),
      reader_(make_state_client(RD_KAFKA_CONSUMER, make_consumer_conf(target.brokers, target.properties, "read_committed"), kafka_)) {}

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
    std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)> message(rd_kafka_consume_queue(queue_.get(), wait_ms),
                                                                                     rd_kafka_message_destroy);
    if (message)
        take(*message);
    return message != nullptr;
}

// Looks the topic's shape and end up, once. The metadata names a leader a moment before that broker knows it is the leader, so the look-up
// is repeated.
bool StateReader::find_end() {
    rd_kafka_resp_err_t error;
    std::optional<int> partitions =
        count_partitions(reader_.get(), target_.state_topic, lookup_, error); // afterwards the reader knows the leader
    int64_t low = 0, high = 0;
    if (partitions)
        kafka_.answered();
    if (!partitions || error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        missing_since_ = Clock::time_point::max();
    else if (missing_since_ == Clock::time_point::max())
        missing_since_ = Clock::now();
    if (partitions && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        require_one_partition(target_.state_topic, *partitions);
        error = rd_kafka_query_watermark_offsets(asker_.get(), target_.state_topic.c_str(), 0, &low, &high, lookup_.ms());
    }
    if ((error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE) && !kafka_.is_away())
        lookup_.was_short();
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
    count_partitions(reader_.get(), target_.state_topic, lookup_,
                     error); // without this the reader would learn of the leader half a second later
    queue_.reset(rd_kafka_queue_new(reader_.get()));
    if (topic_ == nullptr || rd_kafka_consume_start_queue(topic_, 0, RD_KAFKA_OFFSET_BEGINNING, queue_.get()) != 0)
        throw SinkFailure("cannot read the state topic: " + std::string(rd_kafka_err2str(rd_kafka_last_error())));
    is_at_end_ = low == high;
    return true;
}

// Takes a record, or the notice of the end. The last offsets may belong to transaction markers, which are no records: only the notice of
// the end has those offsets.
void StateReader::take(const rd_kafka_message_t &message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        is_at_end_ = message.offset >= *end_;
        waiting_for_ = is_at_end_
                           ? ""
                           : fmt::format("an open Kafka transaction in the state topic \"{}\"; if it never ends: kafka-transactions.sh "
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

// ---- for whoever looks at the topic ---------------------------------------------------------------------------------

KafkaHandle make_state_client(rd_kafka_type_t type, KafkaConf conf, Reachability &kafka) {
    std::string error;
    KafkaHandle handle = make_kafka_client(type, std::move(conf), error, &kafka);
    if (!handle)
        throw SinkFailure("cannot create a Kafka client: " + error);
    return handle;
}

void require_one_partition(const std::string &topic, int partitions) {
    if (partitions != 1)
        throw PositionRefused(
            fmt::format("the state topic \"{}\" has {} partitions and must have exactly one; name another with --state-topic, "
                        "or delete it and run: outbox-relay setup --delivery exactly-once",
                        topic, partitions));
}

} // namespace outbox
