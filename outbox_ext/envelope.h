// The envelope: the one contract between extension and relay. One line of UTF-8 JSON, the content of a logical message with the prefix
// "outbox", members in this order, absent where there is nothing to say:
//
//   {"topic":"orders","key":"42","id":"0193…","type":"order.created","headers":{"traceparent":"00-…"},"payload":{…}}
//
// `payload` is a JSON value without white space; `payload_base64` carries bytes instead; neither is a tombstone.
// This is the writing side and the plugin's guard; the relay reads it in relay/core/envelope.h. Tested by sql/envelope.sql, sql/forged.sql.
#pragma once

#include "json.h"
#include "pg.h"

#define ENVELOPE_PREFIX "outbox"

constexpr int envelope_topic_max = 249;                // Kafka's limit, in bytes
constexpr size_t envelope_size_max = 64 * 1024 * 1024; // of a whole envelope; what outbox.max_event_bytes cannot exceed

// Of an envelope without its payload. A forged one with more could not be set aside either: no dead-letter topic would take it.
constexpr size_t envelope_head_max = 900 * 1024;

constexpr int envelope_headers_max = 1000; // each costs the relay a hundred bytes, however short

struct Text { // UTF-8, not terminated; no text at all where data is null
    const char *data;
    size_t size;
};

// Kafka's rule for a topic's name: 1 to 249 of [a-zA-Z0-9._-], neither "." nor "..".
bool envelope_topic_is_valid(Text topic);
inline bool envelope_topic_allows(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

// Names "id" and "type" are the relay's own.
bool envelope_header_is_reserved(Text name);

// The members, in the order of the calls. `headers` comes with its braces, a UUID as its 16 bytes.
void envelope_open(StringInfo envelope, Text topic);
void envelope_add_string(StringInfo envelope, const char *name, Text value);
void envelope_add_raw(StringInfo envelope, const char *name); // the caller appends the JSON value
void envelope_add_uuid(StringInfo envelope, const char *name, const unsigned char *bytes);
void envelope_add_base64(StringInfo envelope, const char *name, const unsigned char *bytes, size_t size);
void envelope_close(StringInfo envelope);

// Null where the message is an envelope as emit writes it, and all but its payload takes at most `head_max` bytes; otherwise why not, in
// static words that hold nothing of the message. What no emit has written is not let through: white space, escapes that are not the
// shortest, a header twice. (Upper-case letters in \u00XX are those of 1.0.)
const char *envelope_reject(const char *message, size_t size, size_t head_max, Text *topic);
