#include "kafka/topics.h"

#include "core/sink.h"
#include "kafka/refusal_text.h"

#include <algorithm>

namespace outbox {
namespace {

constexpr size_t topics_max = 1024; // handles kept; with more topics in use the oldest goes
constexpr int lookup_ms = 500;

} // namespace

void KafkaTopics::open(rd_kafka_t *handle, std::chrono::milliseconds sticky_for) {
    handle_ = handle;
    sticky_for_ = sticky_for;
}

rd_kafka_topic_t *KafkaTopics::of(const KafkaRecord &record) {
    name_.assign(record.topic);
    if (auto known = topics_.find(name_); known != topics_.end()) {
        retry_at_ = Clock::time_point::max(); // what an earlier session waited for is not what this record waits for
        return known->second.get();
    }
    if (retry_at_ != Clock::time_point::max() && Clock::now() < retry_at_)
        return nullptr;
    Topic topic = make(name_);
    Partitions &its = partitions_of(topic.get());
    if (!its.is_ready && !look_up(topic.get(), record))
        return nullptr;
    its.is_ready = true; // once looked up, as long as nothing speaks against it: another handle needs no other look
    if (topics_.size() >= topics_max) {
        topics_.erase(handles_.front()); // records in flight hold their own references
        handles_.pop_front();
    }
    handles_.push_back(name_);
    return topics_.emplace(name_, std::move(topic)).first->second.get();
}

KafkaTopics::Topic KafkaTopics::make(const std::string &name) {
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(handle_);
    rd_kafka_topic_conf_set_partitioner_cb(conf, choose_partition);
    rd_kafka_topic_conf_set_opaque(
        conf, &partitions_.try_emplace(name, Partitions{.topics = this, .known = {}, .ends = &ends_.of(name)}).first->second);
    Topic topic(rd_kafka_topic_new(handle_, name.c_str(), conf));
    if (!topic)
        throw SinkFailure(fmt::format("topic \"{}\": {}", name, rd_kafka_err2str(rd_kafka_last_error())));
    return topic;
}

bool KafkaTopics::look_up(rd_kafka_topic_t *topic, const KafkaRecord &record) {
    const rd_kafka_metadata_t *metadata = nullptr;
    rd_kafka_resp_err_t error = rd_kafka_metadata(handle_, 0, topic, &metadata, lookup_ms);
    absence_.expect_topic(error != RD_KAFKA_RESP_ERR_NO_ERROR, Clock::now());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        absence_.kafka().unanswered();
        retry_at_ = Clock::now() + backoff_.next();
        return false;
    }
    absence_.kafka().answered();
    error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(metadata);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        wait_for(record, error);
        return false;
    }
    retry_at_ = Clock::time_point::max();
    backoff_.reset();
    waiting_for_.clear();
    if (condition_.clear())
        spdlog::info("topic \"{}\" is there", rd_kafka_topic_name(topic));
    return true;
}

void KafkaTopics::wait_for(const KafkaRecord &record, rd_kafka_resp_err_t error) {
    std::string event;
    if (!record.id.empty())
        event = fmt::format(" ({}; without the event: {})", name_of(record.id, record.end), skip_advice(record.id));
    waiting_for_ = fmt::format("waiting for topic \"{}\": {}{}", record.topic, rd_kafka_err2str(error), event);
    if (condition_.changed(waiting_for_))
        spdlog::warn("{}", waiting_for_);
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        ends_.gone(std::string(record.topic));
    forget(std::string(record.topic));
    retry_at_ = Clock::now() + backoff_.next();
}

void KafkaTopics::forget(const std::string &name) {
    if (topics_.erase(name) > 0)
        handles_.erase(std::find(handles_.begin(), handles_.end(), name));
    if (auto partitions = partitions_.find(name); partitions != partitions_.end()) {
        partitions->second.known.forget();
        partitions->second.is_ready = false;
    }
}

// ---- partitions -----------------------------------------------------------------------------------------------------

// As Java clients do, but none where the record has to wait: librdkafka then refuses it.
int32_t KafkaTopics::choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_size, int32_t count, void *partitions,
                                      void *opaque) {
    auto &its = *static_cast<Partitions *>(partitions);
    KafkaTopics &self = *its.topics;
    if (std::this_thread::get_id() != self.thread_) // for a record that was taken before the partitions were known
        return rd_kafka_msg_partitioner_murmur2_random(topic, key, key_size, count, partitions, opaque);
    int32_t partition = key != nullptr ? rd_kafka_msg_partitioner_murmur2(topic, key, key_size, count, partitions, opaque)
                                       : self.sticky_partition(topic, count, its);
    self.is_held_back_ = its.known.awaits_first(partition);
    if (self.is_held_back_)
        return count;
    return self.chosen_ = partition;
}

int32_t KafkaTopics::sticky_partition(const rd_kafka_topic_t *topic, int32_t count, Partitions &partitions) const {
    auto now = Clock::now();
    if (now >= partitions.sticky_until || partitions.sticky >= count || rd_kafka_topic_partition_available(topic, partitions.sticky) == 0) {
        partitions.sticky = rd_kafka_msg_partitioner_random(topic, nullptr, 0, count, nullptr, nullptr);
        partitions.sticky_until = now + sticky_for_;
    }
    return partitions.sticky;
}

std::optional<int64_t> KafkaTopics::acknowledged(const rd_kafka_message_t &message, Clock::time_point now) {
    Partitions &its = partitions_of(message.rkt);
    its.known.acknowledged(message.partition, now);
    if (message.offset < 0) // a repetition of a record that the broker had already: its offset is not known
        return std::nullopt;
    return its.ends->acknowledged(message.partition, message.offset, ends_.period());
}

void KafkaTopics::failed(const rd_kafka_message_t &message) {
    if (message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        ends_.gone(rd_kafka_topic_name(message.rkt));
    partitions_of(message.rkt).known.failed(message.partition);
}

} // namespace outbox
