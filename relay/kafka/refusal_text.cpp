#include "kafka/refusal_text.h"

#include "kafka/errors.h"

#include <spdlog/fmt/fmt.h>

namespace outbox {
namespace {

constexpr int64_t minute_ms = 60 * 1000;

const char *words_of(int error) { return rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error)); }

std::string size_advice(const Event &event, size_t bytes, const KafkaTarget &target) {
    if (target.on_poison == OnPoison::dead_letter)
        return fmt::format("Raise max.message.bytes of topic \"{}\" (key {} bytes, headers {}, payload {})", target.dead_letter_topic,
                           event.key ? event.key->size() : 0, event.headers.size(), payload_bytes(event));
    return fmt::format("Raise max.message.bytes of topic \"{}\" beyond {}, and -X message.max.bytes, by default 1000000", event.topic,
                       bytes);
}

std::string time_advice(const Event &event, int64_t age_ms) {
    return fmt::format("The transaction was committed {} {} this machine's clock: {} of topic \"{}\" must allow that, or "
                       "message.timestamp.type=LogAppendTime",
                       duration_text(age_ms), age_ms >= 0 ? "before" : "after",
                       age_ms >= 0 ? "message.timestamp.before.max.ms" : "message.timestamp.after.max.ms", event.topic);
}

std::string content_advice(const Event &event) {
    if (event.topic.size() > RecordStyle::topic_max)
        return fmt::format("With --topic-template the topic's name has {} bytes, and Kafka takes {}: make the template shorter",
                           event.topic.size(), RecordStyle::topic_max);
    if (!event.key)
        return fmt::format(
            "The event has no key, and a compacted topic takes no event without a key: look at cleanup.policy of topic \"{}\"",
            event.topic);
    return fmt::format("The broker's log says what it expects of a record of topic \"{}\"", event.topic);
}

} // namespace

size_t payload_bytes(const Event &event) {
    size_t size = event.payload.size();
    if (event.payload_kind != PayloadKind::base64)
        return size;
    size_t padding = event.payload.ends_with("==") ? 2 : event.payload.ends_with("=") ? 1 : 0;
    return size / 4 * 3 - std::min(size, padding);
}

std::string name_of(std::string_view id, Lsn end) { return fmt::format("event {}, transaction {}", id, format_lsn(end)); }

std::string skip_advice(std::string_view id) {
    return fmt::format("outbox-relay skip --id {} with the options of run, and --takeover where the relay runs", id);
}

std::string topic_advice(int error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return "; the relay creates no topics: create it with kafka-topics.sh --create";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: return "; allow the relay's user of Kafka to Write and Describe it";
    default: return "";
    }
}

std::string duration_text(int64_t ms) { return fmt::format("{} minutes", (ms < 0 ? -ms : ms) / minute_ms); }

std::string refusal_text(const Event &refused, Lsn end, int64_t commit_time_ms, const Quarantine::Refusal &refusal,
                         const KafkaTarget &target, int64_t now_ms) {
    Event event = refused;
    std::string topic;
    event.topic = target.style.topic(refused.topic, topic); // the topic whose settings matter has Kafka's name
    size_t bytes = (event.key ? event.key->size() : 0) + event.headers.size() + payload_bytes(event);
    std::string text = fmt::format("Kafka refuses event {} of topic \"{}\" ({} bytes, transaction {}): {}", event.id, event.topic, bytes,
                                   format_lsn(end), words_of(refusal.error));
    int last = refusal.letter_error != 0 ? refusal.letter_error : refusal.error;
    if (!refusal.stops)
        return text;
    if (refusal.letter_error != 0)
        text += fmt::format("; and its dead letter in topic \"{}\": {}",
                            refusal.form == Form::note ? target.state_topic : target.dead_letter_topic, words_of(last));
    text += ". ";
    if (last == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || last == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE)
        text += size_advice(event, bytes, target);
    else if (last == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP)
        text += refusal.letter_error != 0 ? "This machine's clock and the brokers' differ" : time_advice(event, now_ms - commit_time_ms);
    else
        text += content_advice(event);
    if (target.on_poison == OnPoison::stop)
        text += ", or run with --on-poison dead-letter";
    return text + fmt::format(", or let the relay go on without this event: outbox-relay skip --id {} with the options of run", event.id);
}

} // namespace outbox
