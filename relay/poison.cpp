#include "poison.h"

#include "chunk.h"
#include "log.h"

#include <algorithm>

namespace outbox {

bool is_about_content(rd_kafka_resp_err_t error) {
#if RD_KAFKA_VERSION >= 0x020400ff
    if (error == RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD) // innocent, in the same batch
        return true;
#endif
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

std::string_view id_of(const rd_kafka_message_t &message) {
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "id", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return {};
    return {static_cast<const char *>(value), size};
}

std::string poison_text(std::string_view id, std::string_view topic, size_t bytes, std::string_view lsn, std::string_view error) {
    return fmt::format("Kafka refuses event {} of topic \"{}\" ({} bytes, transaction {}): {}", id, topic, bytes, lsn, error);
}

void Refusals::note(const rd_kafka_message_t &message) {
    count_++;
    size_t size = message.len + message.key_len;
    bytes_ += size;
    if (count_ > 1 && size <= largest_)
        return;
    largest_ = size;
    id_ = id_of(message);
    topic_ = rd_kafka_topic_name(message.rkt);
    error_ = rd_kafka_err2str(message.err);
    auto *chunk = static_cast<const Chunk *>(message._private);
    lsn_ = chunk == nullptr ? "" : format_lsn(chunk->transaction_end());
}

Refusals::Verdict Refusals::judge(KafkaTarget &target, size_t batch_bytes, std::string &text) {
    text = poison_text(id_, topic_, largest_, lsn_, error_);
    bool alone = count_ == 1 || batch_bytes == 1; // or each in a batch of its own: then several are guilty
    size_t bytes = bytes_;
    std::string id = std::move(id_), error = std::move(error_);
    *this = {};
    if (alone) {
        if (set_aside(target, id, error))
            return Verdict::set_aside;
        return Verdict::stop;
    }
    target.batch_bytes = std::max<size_t>(1, std::min(batch_bytes, bytes) / 8);
    text += fmt::format(", or the batch it was sent in; sending batches of {} bytes from now on", target.batch_bytes);
    return Verdict::smaller_batches;
}

bool set_aside(KafkaTarget &target, std::string_view id, const std::string &reason) {
    auto known = target.set_aside.find(std::string(id));
    if (known != target.set_aside.end()) { // its dead letter was refused
        if (known->second.is_skip || known->second.without_payload)
            return false;
        known->second.without_payload = true;
        return true;
    }
    if (target.on_poison == OnPoison::stop)
        return false;
    if (target.set_aside.size() >= KafkaTarget::set_aside_max)
        target.set_aside.erase(target.set_aside.begin()); // will be found again
    target.set_aside.emplace(id, SetAside{reason});
    return true;
}

const SetAside *find_set_aside(KafkaTarget &target, std::string_view id) {
    if (target.set_aside.empty() && target.skip_ids.empty())
        return nullptr;
    if (auto skip = target.skip_ids.find(std::string(id)); skip != target.skip_ids.end())
        return &target.set_aside.try_emplace(*skip, SetAside{"skipped by an operator", false, true}).first->second;
    auto known = target.set_aside.find(std::string(id));
    return known == target.set_aside.end() ? nullptr : &known->second;
}

bool note_set_aside(KafkaTarget &target, std::string_view id, Lsn end) {
    auto known = target.set_aside.find(std::string(id));
    if (known == target.set_aside.end())
        return false;
    const std::string &topic = known->second.is_skip ? target.state_topic : target.dead_letter_topic;
    target.set_aside_count++;
    if (known->second.is_skip) {
        target.skipped.insert(known->first);
        target.skipped_end = std::max(target.skipped_end, end);
    }
    spdlog::warn("event {} is not delivered but noted in topic \"{}\"{}: {}", id, topic,
                 known->second.without_payload ? ", without its payload" : "", known->second.reason);
    target.set_aside.erase(known);
    return true;
}

} // namespace outbox
