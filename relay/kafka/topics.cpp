#include "kafka/topics.h"

#include "base/log_fields.h"
#include "core/sink.h"
#include "kafka/refusal_text.h"

#include <utility>

namespace outbox {
namespace {

constexpr int few_lookups = 4;                             // then Kafka is asked for all topics at once
constexpr auto listing_valid = std::chrono::seconds(60);   // a topic that is deleted meanwhile shows when its record fails
constexpr auto listing_again = std::chrono::seconds(10);   // where more topics are new by then
constexpr auto listing_failed = std::chrono::seconds(600); // Kafka has not answered in time: topics one by one

} // namespace

void KafkaTopics::open(rd_kafka_t *handle, int wakeup, std::chrono::milliseconds sticky_for) {
    handle_ = handle;
    sticky_for_ = sticky_for;
    lookup_.open(handle, wakeup);
}

void KafkaTopics::close() {
    lookup_.close();
    for (auto &[name, topic] : topics_)
        topic.handle.reset();
}

rd_kafka_topic_t *KafkaTopics::of(const KafkaRecord &record) {
    Topic *known = topics_.find(record.topic);
    if (known != nullptr && known->is_ready) {
        wait_.retry_at = Clock::time_point::max(); // this record does not wait for the topic that an earlier session waited for
        return known->handle.get();
    }
    if (lookup_.is_asking()) {
        take_answer(record);
        if (lookup_.is_asking())
            return nullptr;
    }
    auto now = Clock::now();
    if (wait_.retry_at != Clock::time_point::max() && now < wait_.retry_at)
        return nullptr;
    std::string name(record.topic);
    Topic &topic = known != nullptr && known->handle ? *known : make(name);
    if (!topic.is_ready && is_listed(name, now))
        is_there(name);
    if (!topic.is_ready)
        ask(name, topic.handle.get(), now);
    return topic.is_ready ? topic.handle.get() : nullptr;
}

KafkaTopics::Topic &KafkaTopics::make(const std::string &name) {
    Topic &topic = topics_.at(name);
    topic.topics = this;
    topic.ends = &ends_.of(name);
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(handle_);
    rd_kafka_topic_conf_set_partitioner_cb(conf, choose_partition);
    rd_kafka_topic_conf_set_opaque(conf, &topic);
    topic.handle.reset(rd_kafka_topic_new(handle_, name.c_str(), conf));
    if (!topic.handle)
        throw SinkFailure(fmt::format("topic \"{}\": {}", name, rd_kafka_err2str(rd_kafka_last_error())));
    return topic;
}

// ---- looking up -----------------------------------------------------------------------------------------------------

bool KafkaTopics::is_listed(const std::string &name, Clock::time_point now) const {
    if (now >= listing_.valid_until)
        return false;
    auto listed = listing_.topics.find(name);
    return listed != listing_.topics.end() && listed->second == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void KafkaTopics::ask(const std::string &name, rd_kafka_topic_t *handle, Clock::time_point now) {
    absence_.expect_topic(true, now);
    wait_.retry_at = Clock::time_point::max();
    if (listing_.lone_lookups >= few_lookups && now >= listing_.due_at) {
        listing_.lone_lookups = 0;
        listing_.due_at = now + listing_again;
        return lookup_.ask_for_all(name);
    }
    lookup_.ask(name, handle);
}

// Takes the look-up's answer. The record may be another one than the record that caused the look-up, where a session has ended meanwhile.
void KafkaTopics::take_answer(const KafkaRecord &record) {
    bool is_listing = lookup_.is_for_all();
    std::optional<TopicLookup::Answer> answer = lookup_.take();
    if (!answer)
        return;
    auto now = Clock::now();
    if (answer->error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        absence_.expect_topic(false, now);
        absence_.kafka().answered();
    }
    if (is_listing)
        return take_listing(std::move(*answer), now);
    if (answer->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        absence_.kafka().unanswered();
        wait_.retry_at = now + wait_.backoff.next();
        return;
    }
    auto its = answer->topics.find(lookup_.name());
    rd_kafka_resp_err_t error = its == answer->topics.end() ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : its->second;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        listing_.lone_lookups++;
        is_there(lookup_.name());
    } else if (record.topic == lookup_.name()) {
        wait_for(record, error);
    }
}

// Takes the answer for all topics. Where Kafka does not answer in time, topics are looked up one by one for a while.
void KafkaTopics::take_listing(TopicLookup::Answer answer, Clock::time_point now) {
    if (answer.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        listing_.due_at = now + listing_failed;
        return;
    }
    listing_.topics = std::move(answer.topics);
    listing_.valid_until = now + listing_valid;
}

void KafkaTopics::is_there(const std::string &name) {
    topics_.at(name).is_ready = true;
    wait_.retry_at = Clock::time_point::max();
    wait_.backoff.reset();
    wait_.text.clear();
    if (wait_.condition.clear())
        say(spdlog::level::info, {.event = LogEvent::topic_there, .topic = name}, "topic \"{}\" is there", name);
}

void KafkaTopics::wait_for(const KafkaRecord &record, rd_kafka_resp_err_t error) {
    std::string event;
    if (!record.id.empty())
        event = fmt::format(" ({}; without the event: {})", name_of(record.id, record.end), skip_advice(record.id));
    wait_.text = fmt::format("waiting for topic \"{}\": {}{}{}", record.topic, rd_kafka_err2str(error), topic_advice(error), event);
    if (wait_.condition.changed(wait_.text))
        say(spdlog::level::warn,
            {.event = LogEvent::topic_waited,
             .topic = std::string(record.topic),
             .id = std::string(record.id),
             .code = rd_kafka_err2name(error)},
            "{}", wait_.text);
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        ends_.gone(std::string(record.topic));
    forget(std::string(record.topic));
    wait_.retry_at = Clock::now() + wait_.backoff.next();
}

void KafkaTopics::forget(const std::string &name) {
    listing_.topics.erase(name);
    if (Topic *known = topics_.find(name)) {
        known->partitions.forget();
        known->is_ready = false;
    }
}

// ---- partitions -----------------------------------------------------------------------------------------------------

// Chooses the partition as Java clients do. Where the record has to wait, no partition is chosen, and librdkafka refuses the record.
int32_t KafkaTopics::choose_partition(const rd_kafka_topic_t *handle, const void *key, size_t key_size, int32_t count, void *topic,
                                      void *opaque) {
    auto &its = *static_cast<Topic *>(topic);
    KafkaTopics &self = *its.topics;
    if (std::this_thread::get_id() != self.thread_) // librdkafka's thread asks for a record that was taken before the partitions were known
        return rd_kafka_msg_partitioner_murmur2_random(handle, key, key_size, count, topic, opaque);
    int32_t partition =
        key != nullptr ? rd_kafka_msg_partitioner_murmur2(handle, key, key_size, count, topic, opaque) : self.sticky_partition(count, its);
    self.is_held_back_ = its.partitions.awaits_first(partition);
    if (self.is_held_back_)
        return count;
    return self.chosen_ = partition;
}

int32_t KafkaTopics::sticky_partition(int32_t count, Topic &topic) const {
    auto now = Clock::now();
    rd_kafka_topic_t *handle = topic.handle.get();
    if (now >= topic.sticky_until || topic.sticky >= count || rd_kafka_topic_partition_available(handle, topic.sticky) == 0) {
        topic.sticky = rd_kafka_msg_partitioner_random(handle, nullptr, 0, count, nullptr, nullptr);
        topic.sticky_until = now + sticky_for_;
    }
    return topic.sticky;
}

std::optional<int64_t> KafkaTopics::acknowledged(const rd_kafka_message_t &message, Clock::time_point now) {
    Topic &topic = topic_of(message.rkt);
    topic.partitions.acknowledged(message.partition, now);
    return topic.ends->acknowledged(message.partition, message.offset, ends_.period());
}

void KafkaTopics::failed(const rd_kafka_message_t &message) {
    if (message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        ends_.gone(rd_kafka_topic_name(message.rkt));
    topic_of(message.rkt).partitions.failed(message.partition);
}

} // namespace outbox
