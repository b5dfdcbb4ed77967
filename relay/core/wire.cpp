#include "core/wire.h"

#include <cstdio>

namespace outbox {
namespace {

uint64_t get_int64(const char *bytes) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

char *put_int64(char *bytes, uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
        *bytes++ = static_cast<char>(value >> shift);
    return bytes;
}

// Reads hex digits by hand: every line of the stream that is no event has two such halves, and std::from_chars takes several times as long.
std::optional<uint32_t> parse_half(std::string_view text) {
    uint32_t value = 0;
    if (text.empty() || text.size() > 8)
        return std::nullopt;
    for (char c : text) {
        unsigned digit = static_cast<unsigned char>(c) - '0';
        if (digit > 9) {
            digit = (static_cast<unsigned char>(c) | 0x20) - 'a' + 10;
            if (digit < 10 || digit > 15)
                return std::nullopt;
        }
        value = value << 4 | digit;
    }
    return value;
}

} // namespace

std::optional<Lsn> parse_lsn(std::string_view text) {
    size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    auto high = parse_half(text.substr(0, slash)), low = parse_half(text.substr(slash + 1));
    if (!high || !low)
        return std::nullopt;
    return Lsn{static_cast<uint64_t>(*high) << 32 | *low};
}

std::string format_lsn(Lsn lsn) {
    char text[20];
    uint64_t value = static_cast<uint64_t>(lsn);
    snprintf(text, sizeof(text), "%X/%X", static_cast<unsigned>(value >> 32), static_cast<unsigned>(value));
    return text;
}

std::optional<Keepalive> parse_keepalive(std::string_view message) {
    if (message.size() != keepalive_bytes || message[0] != 'k')
        return std::nullopt;
    return Keepalive{Lsn{get_int64(message.data() + 1)}, message[17] != 0};
}

StatusUpdate make_status_update(Lsn confirmed, int64_t clock_us, bool requests_reply) {
    StatusUpdate update;
    char *at = update.data();
    *at++ = 'r';
    for (int i = 0; i < 3; i++)
        at = put_int64(at, static_cast<uint64_t>(confirmed));
    at = put_int64(at, static_cast<uint64_t>(clock_us));
    *at = requests_reply ? 1 : 0;
    return update;
}

} // namespace outbox
