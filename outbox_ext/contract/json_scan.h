// The grammar of JSON (RFC 8259) in one pass over the bytes. The scanner tells whether a text is JSON, and copies the text without white
// space between the tokens. Pure: no server, no memory of its own. The scanner gives no reason for a refusal (json.cpp asks RapidJSON for
// that) and does not look at the encoding. Tested by test/unit/json_scan_test.cpp against RapidJSON, test/fuzz/json_scan_fuzz.cpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

constexpr int json_max_depth = 512; // containers within containers; the scanner notes the open ones in an array, not on the C stack
constexpr size_t json_escape_max = 6;

// True where the text is one JSON value. With `out` the function writes the value there, without white space and with its escapes in their
// shortest form: at most `size` bytes, `*written` of them. Where the text is no JSON, the content of `out` is unspecified.
bool json_scan(const char *text, size_t size);
bool json_scan(const char *text, size_t size, char *out, size_t *written);

// True where the text is one JSON value, and its copy would be the same text. The digits of a \u00XX may be upper-case letters, as emit of
// 1.0 wrote them.
bool json_is_compact(const char *text, size_t size);

// Writes a control character, quote or backslash as its escape in a string. Returns the number of bytes.
size_t json_escape(char *out, unsigned char c);

// The first byte that cannot stand for itself in a JSON string: a control character, a quote or a backslash. Blocks of sixteen bytes where
// the processor has SSE2, then of eight: there the lowest bit found is exact, the bits above it need not be.
inline const char *json_plain_end(const char *p, const char *end) {
#ifdef __SSE2__
    const __m128i last_control = _mm_set1_epi8(0x1F), quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
        __m128i is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        __m128i is_special = _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes));
        unsigned found = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(is_control, is_special)));
        if (found != 0)
            return p + __builtin_ctz(found);
    }
#endif
    constexpr uint64_t each = 0x0101010101010101, high = 0x8080808080808080;
    for (; end - p >= 8; p += 8) {
        uint64_t bytes;
        memcpy(&bytes, p, sizeof(bytes));
        if constexpr (std::endian::native == std::endian::big)
            bytes = __builtin_bswap64(bytes);
        uint64_t quote = bytes ^ each * '"', backslash = bytes ^ each * '\\';
        uint64_t found = (((bytes - each * 0x20) & ~bytes) | ((quote - each) & ~quote) | ((backslash - each) & ~backslash)) & high;
        if (found != 0)
            return p + __builtin_ctzll(found) / 8;
    }
    while (p < end && static_cast<unsigned char>(*p) >= 0x20 && *p != '"' && *p != '\\')
        p++;
    return p;
}
