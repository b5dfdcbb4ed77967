#include "test/support/kafka_client/record_printer.h"

#include "test/support/kafka_client/client.h"

#include <cstdio>

namespace kafka_client {
namespace {

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

} // namespace

void RecordPrinter::print(const rd_kafka_message_t &message) {
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

void RecordPrinter::base64_member(const char *key, Bytes bytes) {
    append_base64(bytes, base64_);
    member(key, Bytes(base64_));
}

// Writes a header as [name, text]; a value that is no UTF-8 as [name, null, base64], and an absent value as [name, null].
void RecordPrinter::headers(const rd_kafka_message_t &message) {
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

} // namespace kafka_client
