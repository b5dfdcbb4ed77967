#include "kafka/cloud_event.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace outbox {
namespace {

constexpr std::string_view prefix = "ce_";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// `pattern` is in lower case.
bool is_same_word(std::string_view text, std::string_view pattern) {
    return text.size() == pattern.size() &&
           std::equal(text.begin(), text.end(), pattern.begin(), [](char a, char b) { return lower(a) == b; });
}
bool begins_with_word(std::string_view text, std::string_view pattern) { return is_same_word(text.substr(0, pattern.size()), pattern); }

// The names that CloudEvents allows, without `data`, which is reserved.
bool is_attribute_name(std::string_view name) {
    return !name.empty() && name != "data" &&
           std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

// True for a string that CloudEvents allows, without control characters: those of ASCII, and U+0080 to U+009F.
bool is_attribute_value(std::string_view value) {
    for (size_t i = 0; i < value.size(); i++) {
        auto byte = static_cast<unsigned char>(value[i]);
        bool is_c1 = byte == 0xc2 && i + 1 < value.size() && static_cast<unsigned char>(value[i + 1]) < 0xa0;
        if (byte < 0x20 || byte == 0x7f || is_c1)
            return false;
    }
    return true;
}

bool is_of_relay(std::string_view name) {
    constexpr auto names = std::to_array<std::string_view>({"specversion", "id", "source", "type", "time"});
    return std::find(names.begin(), names.end(), name) != names.end();
}

// The attributes that are not empty where they are present.
bool is_never_empty(std::string_view name) { return name == "subject" || name == "dataschema"; }

} // namespace

std::string rfc3339(int64_t ms_since_1970) {
    using namespace std::chrono;
    sys_time<milliseconds> time{milliseconds(ms_since_1970)};
    sys_days day = floor<days>(time);
    year_month_day date{day};
    hh_mm_ss clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

// A content type application/cloudevents would make parsers read a record in binary mode as one in structured mode, so such a header says
// nothing.
NamedFate fate_of_header(std::string_view name, std::string_view value, bool is_bytes) {
    bool has_prefix = begins_with_word(name, prefix);
    std::string_view attribute = has_prefix ? name.substr(prefix.size()) : name;
    if (is_same_word(name, "content-type") || attribute == "datacontenttype") {
        bool says_something =
            !is_bytes && !value.empty() && is_attribute_value(value) && !begins_with_word(value, "application/cloudevents");
        return {says_something ? HeaderFate::content_type : HeaderFate::left_out, name};
    }
    bool can_be_one = !is_bytes && is_attribute_name(attribute) && !is_of_relay(attribute) && is_attribute_value(value) &&
                      !(value.empty() && is_never_empty(attribute));
    if (can_be_one)
        return {HeaderFate::attribute, attribute};
    return {has_prefix ? HeaderFate::left_out : HeaderFate::plain, name};
}

bool is_trace_header(std::string_view name) { return name == "traceparent" || name == "tracestate" || name == "baggage"; }

} // namespace outbox
