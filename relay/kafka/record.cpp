#include "kafka/record.h"

#include "core/decode.h"
#include "core/position.h"
#include "kafka/cloud_event.h"

#include <openssl/evp.h>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace outbox {
namespace {

constexpr size_t record_overhead_bytes = 256; // librdkafka's, without headers (measured: 195)
constexpr size_t header_overhead_bytes = 110;
constexpr size_t headers_expected = 8;

// The bytes of a part with its length in front, as Kafka writes numbers: seven bits a byte, and one bit for the sign.
size_t with_length(size_t bytes) {
    size_t length = 1;
    for (size_t rest = bytes * 2; rest >= 128; rest /= 128)
        length++;
    return length + bytes;
}

void add_header(KafkaRecord &record, std::string_view name, std::string_view value) {
    rd_kafka_header_add(record.headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
    record.cost_bytes += header_overhead_bytes + name.size() + value.size();
    record.bytes += with_length(name.size()) + with_length(value.size());
}

std::string sha256(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
    std::string text;
    constexpr char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < size; i++)
        (text += digits[digest[i] >> 4]) += digits[digest[i] & 15];
    return text;
}

// Adds the size and hash that stand for a part which is left out.
void add_digest(KafkaRecord &record, const std::string &part, std::string_view bytes) {
    add_header(record, "outbox-" + part + "-bytes", std::to_string(bytes.size()));
    add_header(record, "outbox-" + part + "-sha256", sha256(bytes));
}

} // namespace

KafkaRecord RecordMaker::make(const Event &event, Form form, int64_t commit_time_ms, Chunk &chunk, const KafkaTarget &target,
                              const Source &source) {
    KafkaRecord record;
    if (form == Form::event) {
        record = delivery(event, commit_time_ms, chunk, target.style);
    } else if (form == Form::note) {
        record = skip_note(event, chunk, state_key(source), target);
    } else {
        const Quarantine::Refusal *refusal = target.learned.quarantine.find({chunk.commit(), event.ordinal});
        const char *reason = refusal == nullptr ? "" : rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(refusal->error));
        record = dead_letter(event, form, commit_time_ms, chunk, reason, target);
    }
    record.id = event.id;
    record.end = chunk.commit();
    constexpr size_t attributes_and_times = 3, header_count = 1; // fewer than 64, so one byte each
    record.bytes =
        with_length(record.bytes + attributes_and_times + with_length(record.key_size) + with_length(record.value_size) + header_count);
    return record;
}

KafkaRecord RecordMaker::delivery(const Event &event, int64_t commit_time_ms, Chunk &chunk, const RecordStyle &style) {
    KafkaRecord record;
    record.topic = style.topic(event.topic, topic_);
    record.timestamp_ms = commit_time_ms;
    record.cost_bytes = record_overhead_bytes;
    put_key(record, event, style.key);
    put_value(record, event, chunk);
    put_headers(record, event, commit_time_ms, style);
    if (style.has_lsn) // as the last header, as in dead letters: of two headers of a name clients give the last
        add_header(record, "outbox-lsn", format_lsn(chunk.commit()));
    return record;
}

KafkaRecord RecordMaker::dead_letter(const Event &event, Form form, int64_t commit_time_ms, Chunk &chunk, const char *reason,
                                     const KafkaTarget &target) {
    KafkaRecord record;
    record.topic = target.dead_letter_topic;
    record.cost_bytes = record_overhead_bytes;
    if (form == Form::bare_letter) {
        record.headers.reset(rd_kafka_headers_new(headers_expected));
        add_header(record, "id", event.id);
    } else {
        put_key(record, event, target.style.key);
        put_headers(record, event, commit_time_ms, target.style);
    }
    if (form == Form::letter)
        put_value(record, event, chunk);
    add_header(record, "outbox-topic", target.style.topic(event.topic, topic_));
    add_header(record, "outbox-reason", reason);
    add_header(record, "outbox-lsn", format_lsn(chunk.commit()));
    add_header(record, "outbox-timestamp", std::to_string(commit_time_ms));
    if (form != Form::letter)
        add_digest(record, "payload", payload(event));
    if (form == Form::bare_letter) {
        if (event.key)
            add_digest(record, "key", unescape(*event.key, key_));
        add_digest(record, "headers", event.headers);
    }
    return record;
}

KafkaRecord RecordMaker::skip_note(const Event &event, const Chunk &chunk, const std::string &state_key, const KafkaTarget &target) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    auto member = [&](const char *name, std::string_view value) {
        writer.Key(name);
        writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    };
    std::string_view left_out = payload(event);
    writer.StartObject();
    member("skipped", event.id);
    member("topic", target.style.topic(event.topic, topic_));
    member("lsn", format_lsn(chunk.commit()));
    writer.Key("payload_bytes");
    writer.Uint64(left_out.size());
    member("payload_sha256", sha256(left_out));
    writer.EndObject();

    KafkaRecord record;
    record.topic = target.state_topic;
    key_ = state_key + "/skipped/" + std::string(event.id);
    bytes_.assign(buffer.GetString(), buffer.GetSize());
    record.key = key_.data();
    record.key_size = key_.size();
    record.value = bytes_.data();
    record.value_size = bytes_.size();
    record.copies = true;
    record.headers.reset(rd_kafka_headers_new(1));
    record.cost_bytes = record_overhead_bytes + bytes_.size();
    add_header(record, "id", event.id);
    return record;
}

// An event without a key has no key in either style: Kafka spreads such records over the partitions, and a key of the text null would
// gather them.
void RecordMaker::put_key(KafkaRecord &record, const Event &event, KeyStyle style) {
    if (!event.key)
        return;
    std::string_view key = unescape(*event.key, key_);
    if (style == KeyStyle::json) {
        text_.clear();
        append_json_string(key, text_);
        key_.swap(text_);
        key = key_;
    }
    record.key = key.data();
    record.key_size = key.size();
    record.cost_bytes += key.size();
}

void RecordMaker::put_value(KafkaRecord &record, const Event &event, Chunk &chunk) {
    if (event.payload_kind == PayloadKind::json) {
        record.value = chunk.writable(event.payload);
        record.value_size = event.payload.size();
    } else if (event.payload_kind == PayloadKind::base64) { // the only payload that differs from the text in the chunk
        record.value_size = payload(event).size();
        record.value = bytes_.data();
        record.copies = true;
        record.cost_bytes += record.value_size;
    }
}

std::string_view RecordMaker::payload(const Event &event) {
    if (event.payload_kind != PayloadKind::base64)
        return event.payload;
    bytes_.assign(event.payload);
    return {bytes_.data(), decode_base64(bytes_.data(), bytes_.size())};
}

// Puts one header at least, by which a reader of the state topic tells an event from a position (state_reader.cpp).
void RecordMaker::put_headers(KafkaRecord &record, const Event &event, int64_t commit_time_ms, const RecordStyle &style) {
    record.headers.reset(rd_kafka_headers_new(headers_expected));
    if (style.headers == HeaderStyle::cloudevents)
        return put_attributes(record, event, commit_time_ms, style.source);
    add_header(record, "id", event.id);
    if (!event.type.empty() && style.headers == HeaderStyle::plain)
        add_header(record, "type", unescape(event.type, text_));
    std::string_view own = event.headers;
    while (std::optional<Header> header = next_header(own))
        add_header(record, unescape(header->name, name_), value_of(*header));
}

std::string_view RecordMaker::value_of(const Header &header) {
    if (!header.is_base64)
        return unescape(header.value, text_);
    text_.assign(header.value);
    return {text_.data(), decode_base64(text_.data(), text_.size())};
}

void RecordMaker::put_attributes(KafkaRecord &record, const Event &event, int64_t commit_time_ms, const std::string &source) {
    add_header(record, "ce_specversion", "1.0");
    add_header(record, "ce_id", event.id);
    add_header(record, "ce_source", source);
    add_header(record, "ce_type", event.type.empty() ? event.topic : unescape(event.type, text_));
    add_header(record, "ce_time", rfc3339(commit_time_ms));
    std::string_view own = put_own_attributes(record, event);
    if (event.payload_kind == PayloadKind::none)
        return;
    bool is_json = event.payload_kind == PayloadKind::json;
    add_header(record, "content-type", !own.empty() ? own : is_json ? "application/json" : "application/octet-stream");
}

// Returns the content type that the event has for its payload; empty: none.
std::string_view RecordMaker::put_own_attributes(KafkaRecord &record, const Event &event) {
    content_type_.clear();
    std::string_view own = event.headers;
    while (std::optional<Header> header = next_header(own)) {
        std::string_view name = unescape(header->name, name_), value = value_of(*header);
        NamedFate found = fate_of_header(name, value, header->is_base64);
        if (found.fate == HeaderFate::content_type && content_type_.empty())
            content_type_ = value;
        if (found.fate == HeaderFate::attribute) {
            std::string attribute = "ce_" + std::string(found.name);
            const void *other = nullptr;
            size_t size = 0;
            if (rd_kafka_header_get_last(record.headers.get(), attribute.c_str(), &other, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
                found.fate = found.name.size() == name.size() ? HeaderFate::plain : HeaderFate::left_out;
            else
                add_header(record, attribute, value);
        }
        if (found.fate == HeaderFate::plain || (found.fate == HeaderFate::attribute && is_trace_header(name)))
            add_header(record, name, value);
    }
    return content_type_;
}

} // namespace outbox
