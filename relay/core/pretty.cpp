#include "core/pretty.h"

#include "core/decode.h"

#include <cstdio>

namespace outbox {
namespace {

// Appends the time in UTC as 09:42:00.123.
void append_time(int64_t ms_since_1970, std::string &to) {
    constexpr int64_t day_ms = 24 * 60 * 60 * 1000;
    int64_t ms = (ms_since_1970 % day_ms + day_ms) % day_ms;
    char text[16];
    snprintf(text, sizeof(text), "%02d:%02d:%02d.%03d", static_cast<int>(ms / 3600000), static_cast<int>(ms / 60000 % 60),
             static_cast<int>(ms / 1000 % 60), static_cast<int>(ms % 1000));
    to.append(text);
}

} // namespace

void append_visible(std::string_view text, std::string &to) {
    for (size_t i = 0; i < text.size(); i++) {
        auto byte = static_cast<unsigned char>(text[i]);
        bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        to += byte < 0x20 || byte == 0x7f || is_c1 ? '?' : text[i];
        i += is_c1;
    }
}

void append_pretty(const Begin &transaction, const Event &event, std::string &to, std::string &scratch) {
    append_time(transaction.commit_time_ms, to);
    to.append("  ").append(event.topic).append("  ");
    append_visible(event.key ? unescape(*event.key, scratch) : "(no key)", to);
    to.append("  ");
    append_visible(event.type.empty() ? "(no type)" : unescape(event.type, scratch), to);
    to.append("  ");
    if (event.payload_kind == PayloadKind::json)
        append_visible(event.payload, to);
    else if (event.payload_kind == PayloadKind::none)
        to.append("(tombstone)");
    else
        to.append("(").append(std::to_string(event.payload.size() / 4 * 3)).append(" bytes)");
}

} // namespace outbox
