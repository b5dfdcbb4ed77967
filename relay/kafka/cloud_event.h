// CloudEvents 1.0 in Kafka's binary mode: the headers that an event has there. The value stays the payload. Pure. Tested by
// test/unit/cloud_event_test.cpp, and with the CloudEvents project's own parser by test/t/180_record_styles.t.
//
// The relay's attributes come first, and the first header of a name is the only one:
//   ce_specversion, ce_id, ce_source, ce_type (the topic where the event has no type), ce_time, content-type (not of a tombstone)
// A header of the event becomes the attribute ce_NAME where NAME can be an attribute, and stays a plain header otherwise. A header whose
// own name begins with ce_ is left out where the rest of the name can be no attribute, or is taken: parsers refuse events with other names,
// and an attribute has one value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outbox {

// "2026-11-23T09:42:00.123Z"
std::string rfc3339(int64_t ms_since_1970);

// The fate of a header of the event.
enum class HeaderFate {
    attribute,    // ce_ and the name
    plain,        // the header as it is
    left_out,     // see the head of this file
    content_type, // the event itself says what its payload is
};
struct NamedFate {
    HeaderFate fate;
    std::string_view name; // of an attribute without ce_
};
// The fate of the header without regard to other headers. A value of bytes is no attribute, and says nothing of the payload.
NamedFate fate_of_header(std::string_view name, std::string_view value, bool is_bytes = false);

// True for the headers of a trace, which clients without CloudEvents look for under the plain name, too.
bool is_trace_header(std::string_view name);

} // namespace outbox
