#include "kafka/producer.h"

#include "kafka/errors.h"
#include "kafka/refusal_text.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace outbox {
namespace {

constexpr size_t topics_max = 1024;  // handles kept; with more topics in use the oldest goes
constexpr int topic_lookup_ms = 500; // the only call that waits, and only for a topic's first record
constexpr int flush_ms = 1;
constexpr auto complain_after = std::chrono::milliseconds(1000); // of waiting for Kafka: a lost connection is soon made again
constexpr auto give_up_after = std::chrono::milliseconds(30000);
constexpr const char *sticky_property = "sticky.partitioning.linger.ms";

std::string text_of(const rd_kafka_conf_t *conf, const char *property) {
    char value[32] = "";
    size_t size = sizeof(value);
    return rd_kafka_conf_get(conf, property, value, &size) == RD_KAFKA_CONF_OK ? value : "";
}

size_t number_of(const rd_kafka_conf_t *conf, const char *property) { return strtoull(text_of(conf, property).c_str(), nullptr, 10); }

} // namespace

KafkaProducer::KafkaProducer(KafkaConf conf, LogEnds &ends, Listener &listener) : ends_(ends), listener_(listener) {
    ends_.end_period();
    compresses_ = text_of(conf.get(), "compression.codec") != "none";
    sticky_for_ = std::chrono::milliseconds(number_of(conf.get(), sticky_property));
    rd_kafka_conf_set(conf.get(), sticky_property, "0", nullptr, 0); // or choose_partition is not asked
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rd_kafka_conf_set(conf.get(), "log.queue", "true", nullptr, 0);

    char error[512];
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error, sizeof(error));
    if (handle_ == nullptr) // also where the clock of the wall jumps, by which librdkafka waits for its threads
        throw SinkFailure(std::string("cannot create a Kafka producer: ") + error);
    (void)conf.release(); // the producer's now
    queue_ = rd_kafka_queue_get_main(handle_);
    rd_kafka_set_log_queue(handle_, queue_);

    wakeup_ = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); // librdkafka has said something before it is told of the descriptor
    if (wakeup_ < 0)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue_, wakeup_, &one, sizeof(one));
}

// A record that is not reported before rd_kafka_destroy never is, and its chunk would count against the budget for ever. It is librdkafka's
// threads that report, and rd_kafka_destroy would wait for the same ones.
KafkaProducer::~KafkaProducer() {
    take_back(give_up_after);
    topics_.clear();
    rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
    rd_kafka_queue_destroy(queue_);
    rd_kafka_destroy(handle_);
    close(wakeup_);
}

// Ends what is in flight, one way or the other: what is still queued refers to chunks.
void KafkaProducer::take_back(std::chrono::milliseconds patience) {
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    auto deadline = Clock::now() + patience;
    while (in_flight_ > 0 && Clock::now() < deadline)
        serve(10);
}

// ---- producing ------------------------------------------------------------------------------------------------------

KafkaProducer::Outcome KafkaProducer::produce(KafkaRecord &record, void *opaque) {
    rd_kafka_topic_t *topic = topic_of(record);
    if (topic == nullptr || (is_unplaced_ && in_flight_ > 0))
        return Outcome::busy;
    chosen_ = RD_KAFKA_PARTITION_UA;
    is_held_back_ = false;
    // clang-format off
    error_ = rd_kafka_producev(handle_,
        RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(record.copies ? RD_KAFKA_MSG_F_COPY : 0),
        RD_KAFKA_V_KEY(record.key, record.key_size),
        RD_KAFKA_V_VALUE(record.value, record.value_size),
        RD_KAFKA_V_TIMESTAMP(record.timestamp_ms),
        RD_KAFKA_V_HEADERS(record.headers.get()),
        RD_KAFKA_V_OPAQUE(opaque),
        RD_KAFKA_V_END);
    // clang-format on
    if (error_ == RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)record.headers.release(); // librdkafka's now
        taken(topic);
        return Outcome::taken;
    }
    if (is_held_back_) {
        flush(); // what it waits for
        return Outcome::busy;
    }
    if (error_ == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return Outcome::busy; // until deliveries are served
    if (is_about_topic(error_)) {
        wait_for_topic(record, error_);
        return Outcome::busy;
    }
    return is_about_content(error_) ? Outcome::refused : Outcome::failed;
}

void KafkaProducer::taken(const rd_kafka_topic_t *topic) {
    if (in_flight_++ == 0 && !expects_answer_)
        heard_at_ = Clock::now();
    has_unflushed_ = true;
    is_unplaced_ = chosen_ == RD_KAFKA_PARTITION_UA;
    if (!is_unplaced_)
        partitions_of(topic).known.sent(chosen_, now_);
}

// As Java clients do, but none where the record has to wait: librdkafka then refuses it.
int32_t KafkaProducer::choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_size, int32_t count, void *partitions,
                                        void *opaque) {
    auto &its = *static_cast<Partitions *>(partitions);
    KafkaProducer &self = *its.producer;
    if (std::this_thread::get_id() != self.thread_) // for a record that was taken before the partitions were known
        return rd_kafka_msg_partitioner_murmur2_random(topic, key, key_size, count, partitions, opaque);
    int32_t partition = key != nullptr ? rd_kafka_msg_partitioner_murmur2(topic, key, key_size, count, partitions, opaque)
                                       : self.sticky_partition(topic, count, its);
    self.is_held_back_ = its.known.awaits_first(partition);
    if (self.is_held_back_)
        return count;
    return self.chosen_ = partition;
}

int32_t KafkaProducer::sticky_partition(const rd_kafka_topic_t *topic, int32_t count, Partitions &partitions) {
    auto now = Clock::now();
    if (now >= partitions.sticky_until || partitions.sticky >= count || rd_kafka_topic_partition_available(topic, partitions.sticky) == 0) {
        partitions.sticky = rd_kafka_msg_partitioner_random(topic, nullptr, 0, count, nullptr, nullptr);
        partitions.sticky_until = now + sticky_for_;
    }
    return partitions.sticky;
}

// linger.ms fills batches while the stream is busy. This ends the linger of what is queued: librdkafka looks at the flag when its threads
// wake up, so it has to stand for a moment; when all is acknowledged earlier, the call returns earlier.
void KafkaProducer::flush(bool insist) {
    if (in_flight_ == 0 || !(has_unflushed_ || insist))
        return;
    rd_kafka_flush(handle_, flush_ms);
    has_unflushed_ = false;
}

// Null where the topic is not ready; the stream then waits.
rd_kafka_topic_t *KafkaProducer::topic_of(const KafkaRecord &record) {
    name_.assign(record.topic);
    if (auto known = topics_.find(name_); known != topics_.end()) {
        retry_at_ = Clock::time_point::max(); // what an earlier session waited for is not what this record waits for
        return known->second.get();
    }
    if (retry_at_ != Clock::time_point::max() && Clock::now() < retry_at_)
        return nullptr;
    Topic topic = make_topic(name_);
    Partitions &its = partitions_of(topic.get());
    if (!its.is_ready && !topic_is_ready(topic.get(), record))
        return nullptr;
    its.is_ready = true; // once looked up, as long as nothing speaks against it: another handle needs no other look
    if (topics_.size() >= topics_max) {
        topics_.erase(handles_.front()); // records in flight hold their own references
        handles_.pop_front();
    }
    handles_.push_back(name_);
    return topics_.emplace(name_, std::move(topic)).first->second.get();
}

KafkaProducer::Topic KafkaProducer::make_topic(const std::string &name) {
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(handle_);
    rd_kafka_topic_conf_set_partitioner_cb(conf, choose_partition);
    rd_kafka_topic_conf_set_opaque(
        conf, &partitions_.try_emplace(name, Partitions{.producer = this, .known = {}, .ends = &ends_.of(name)}).first->second);
    Topic topic(rd_kafka_topic_new(handle_, name.c_str(), conf));
    if (!topic)
        throw SinkFailure(fmt::format("topic \"{}\": {}", name, rd_kafka_err2str(rd_kafka_last_error())));
    return topic;
}

void KafkaProducer::forget_topic(const std::string &name) {
    if (topics_.erase(name) > 0)
        handles_.erase(std::find(handles_.begin(), handles_.end(), name));
    if (auto partitions = partitions_.find(name); partitions != partitions_.end()) {
        partitions->second.known.forget();
        partitions->second.is_ready = false;
    }
}

// Says which event waits, so that an operator can create the topic, allow it, or skip the event.
void KafkaProducer::wait_for_topic(const KafkaRecord &record, rd_kafka_resp_err_t error) {
    std::string event;
    if (!record.id.empty())
        event = fmt::format(" ({}; without the event: {})", name_of(record.id, record.end), skip_advice(record.id));
    waiting_for_ = fmt::format("waiting for topic \"{}\": {}{}", record.topic, rd_kafka_err2str(error), event);
    say(topic_, waiting_for_);
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        ends_.gone(std::string(record.topic));
    forget_topic(std::string(record.topic));
    look_again_later();
}

bool KafkaProducer::topic_is_ready(rd_kafka_topic_t *topic, const KafkaRecord &record) {
    const rd_kafka_metadata_t *metadata = nullptr;
    rd_kafka_resp_err_t error = rd_kafka_metadata(handle_, 0, topic, &metadata, topic_lookup_ms);
    bool is_unanswered = error != RD_KAFKA_RESP_ERR_NO_ERROR;
    if (std::exchange(expects_topic_, is_unanswered) != is_unanswered)
        heard_at_ = Clock::now();
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_.answered();
        error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            retry_at_ = Clock::time_point::max();
            topic_backoff_.reset();
            waiting_for_.clear();
            if (topic_.clear())
                spdlog::info("topic \"{}\" is there", rd_kafka_topic_name(topic));
            return true;
        }
        wait_for_topic(record, error);
        return false;
    } else {
        kafka_.unanswered();
    }
    look_again_later();
    return false;
}

// ---- serving --------------------------------------------------------------------------------------------------------

// The wake-up comes when the queue is no longer empty: leaves nothing in it.
void KafkaProducer::serve(int timeout_ms) {
    uint64_t count;
    (void)!read(wakeup_, &count, sizeof(count)); // resets it
    now_ = Clock::now();
    while (rd_kafka_event_t *event = rd_kafka_queue_poll(queue_, timeout_ms)) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR: serve_reports(event); break;
        case RD_KAFKA_EVENT_ERROR: serve_error(event); break;
        case RD_KAFKA_EVENT_LOG: serve_log(event); break;
        }
        rd_kafka_event_destroy(event);
        timeout_ms = 0;
    }
    complain_if_due();
}

void KafkaProducer::serve_reports(rd_kafka_event_t *event) {
    report_++;
    while (const rd_kafka_message_t *message = rd_kafka_event_message_next(event)) {
        in_flight_--;
        note_report(*message);
        if (in_flight_ == 0)
            ends_.end_period();
        listener_.reported(*message);
    }
}

void KafkaProducer::note_report(const rd_kafka_message_t &message) {
    if (message.partition < 0)
        return;
    KnownPartitions &known = partitions_of(message.rkt).known;
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        heard_at_ = now_;
        kafka_.answered();
        note_offset(message);
    } else if (message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        ends_.gone(rd_kafka_topic_name(message.rkt));
    }
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR)
        known.acknowledged(message.partition, now_);
    else
        known.failed(message.partition);
}

void KafkaProducer::note_offset(const rd_kafka_message_t &message) {
    if (message.offset < 0) // a repetition of a record that the broker had already: its offset is not known
        return;
    std::optional<int64_t> before = partitions_of(message.rkt).ends->acknowledged(message.partition, message.offset, ends_.period());
    if (before)
        listener_.records_lost(fmt::format("Kafka has lost records of topic \"{}\" that it had acknowledged: partition {} had a record at "
                                           "offset {}, and the next one is now at offset {}. An unclean leader election does that, and so "
                                           "does a topic that is deleted and made anew",
                                           rd_kafka_topic_name(message.rkt), message.partition, *before, message.offset));
}

void KafkaProducer::all_is_well() {
    if (brokers_.clear())
        spdlog::info("Kafka accepts events again");
}

void KafkaProducer::serve_error(rd_kafka_event_t *event) {
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (rd_kafka_event_error_is_fatal(event)) {
        listener_.producer_died(rd_kafka_event_error_string(event));
        return;
    }
    kafka_.note(error, rd_kafka_event_error_string(event), Clock::now());
    spdlog::debug("Kafka: {}: {}", rd_kafka_err2name(error), rd_kafka_event_error_string(event));
}

void KafkaProducer::serve_log(rd_kafka_event_t *event) {
    const char *facility, *text;
    int level; // syslog's
    if (rd_kafka_event_log(event, &facility, &text, &level) != 0)
        return;
    kafka_.note_log(level, facility, text, Clock::now());
    spdlog::debug("librdkafka {}: {}", facility, text);
}

// Kafka's absence is a matter while something waits for it, and before it was ever reached.
bool KafkaProducer::is_a_matter() const { return in_flight_ > 0 || expects_answer_ || expects_topic_ || !kafka_.has_answered(); }

void KafkaProducer::expect_answer(bool is_expected) {
    if (std::exchange(expects_answer_, is_expected) != is_expected)
        heard_at_ = Clock::now();
}

Clock::time_point KafkaProducer::complain_at() const {
    return kafka_.is_away() && is_a_matter() ? heard_at_ + complain_after : Clock::time_point::max();
}

void KafkaProducer::complain_if_due() {
    if (Clock::now() >= complain_at())
        say(brokers_, kafka_.sentence() + "; waiting for it");
}

Clock::time_point KafkaProducer::serve_at() const { return brokers_.stands() ? Clock::time_point::max() : complain_at(); }

void KafkaProducer::say(Condition &condition, const std::string &text) {
    if (condition.changed(text))
        spdlog::warn("{}", text);
}

} // namespace outbox
