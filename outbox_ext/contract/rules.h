// The envelope: the one contract between extension and relay. One line of UTF-8 JSON, the content of a logical message with the prefix
// "outbox". Its members come in this order; a member without content is left out:
//
//   {"topic":"orders","key":"42","id":"0193…","type":"order.created","headers":{"traceparent":"00-…"},"payload":{…}}
//
// `payload` is a JSON value without white space; `payload_base64`, in its place, carries bytes. An envelope with neither is a tombstone. A
// header whose value is bytes has {"base64":"…"} in the place of the string; a relay of 1.0 takes no envelope with such a header, and
// stops.
//
// emit writes envelopes (envelope.h), the guard tells them from other messages (guard.h), the relay reads them (relay/core/envelope.h).
// This file has the rules that emit and the guard share. Pure: no server, no memory. Tested by test/unit/guard_test.cpp, sql/limits.sql,
// sql/headers.sql.
#pragma once

#include "text.h"

// The prefix of the logical messages that hold envelopes, and the name of the output plugin.
#define ENVELOPE_PREFIX "outbox"

constexpr int envelope_topic_max = 249;                // Kafka's limit, in bytes
constexpr size_t envelope_size_max = 64 * 1024 * 1024; // of a whole envelope; outbox.max_event_bytes cannot be more

// The most bytes of an envelope without its payload. No dead-letter topic would take an event with a larger head, so the relay could not
// set the event aside.
constexpr size_t envelope_head_max = 900 * 1024;

constexpr int envelope_headers_max = 1000; // each header costs the relay a hundred bytes, however short

// Kafka's rule for a topic's name: 1 to 249 of [a-zA-Z0-9._-], neither "." nor "..".
bool envelope_topic_is_valid(Text topic);
inline bool envelope_topic_allows(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

// The relay itself writes the headers "id" and "type".
bool envelope_header_is_reserved(Text name);

// Base64 in the one form that bytes have: padded, without line breaks, the bits that carry nothing are 0.
bool envelope_base64_is_valid(Text text);
