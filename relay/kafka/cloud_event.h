// CloudEvents 1.0 in Kafka's binary mode: which headers an event has there. The value stays the payload. Pure. Tested by
// test/unit/cloud_event_test.cpp, and with the project's own parser by test/t/180_cloudevents.t.
//
// The relay's attributes come first, and the first of a name is the only one:
//   ce_specversion, ce_id, ce_source, ce_type (the topic where the event has no type), ce_time, content-type (not of a tombstone)
// A header of the event becomes the attribute ce_NAME where NAME can be one, and stays as it is otherwise. Where its own name begins with
// ce_ and can be no attribute, or is taken, the header is left out: parsers refuse events with other names, and a value cannot be two.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outbox {

// "2026-11-23T09:42:00.123Z"
std::string rfc3339(int64_t ms_since_1970);

// What becomes of a header of the event.
enum class HeaderFate {
    attribute,    // ce_ and the name
    plain,        // as it is
    left_out,     // as above
    content_type, // the event says itself what its payload is
};
struct NamedFate {
    HeaderFate fate;
    std::string_view name; // of an attribute without ce_
};
// Of the header beside no other. Bytes are no attribute and say nothing of the payload.
NamedFate fate_of_header(std::string_view name, std::string_view value, bool is_bytes = false);

// A trace is looked for under its plain name, too, by clients that know nothing of CloudEvents.
bool is_trace_header(std::string_view name);

} // namespace outbox
