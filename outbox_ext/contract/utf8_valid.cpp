#include "utf8_valid.h"

#include <bit>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace {

// The first byte that is NUL or no ASCII. Blocks of sixteen bytes where the processor has SSE2, then of eight: the lowest bit found is
// exact, the bits above it need not be.
const char *ascii_end(const char *p, const char *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
        unsigned is_ascii = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpgt_epi8(bytes, _mm_setzero_si128()))); // signed: 1 to 127
        if (is_ascii != 0xFFFF)
            return p + __builtin_ctz(~is_ascii);
    }
#endif
    constexpr uint64_t each = 0x0101010101010101, high = 0x8080808080808080;
    for (; end - p >= 8; p += 8) {
        uint64_t bytes;
        memcpy(&bytes, p, sizeof(bytes));
        if constexpr (std::endian::native == std::endian::big)
            bytes = __builtin_bswap64(bytes);
        uint64_t found = (bytes | (bytes - each)) & high;
        if (found != 0)
            return p + __builtin_ctzll(found) / 8;
    }
    while (p < end && *p != '\0' && (*p & 0x80) == 0)
        p++;
    return p;
}

// The number of bytes of the character at `p`, which is no ASCII; 0: the bytes are no character.
size_t sequence_size(const char *p, size_t left) {
    auto byte = [p](size_t i) { return static_cast<unsigned char>(p[i]); };
    size_t size = byte(0) < 0xC2 ? 0 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : byte(0) < 0xF5 ? 4 : 0;
    if (size == 0 || left < size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((byte(i) & 0xC0) != 0x80)
            return 0;
    bool is_overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
    bool is_surrogate = byte(0) == 0xED && byte(1) >= 0xA0;
    bool is_beyond_unicode = byte(0) == 0xF4 && byte(1) >= 0x90;
    return is_overlong || is_surrogate || is_beyond_unicode ? 0 : size;
}

} // namespace

bool utf8_is_valid(const char *text, size_t size) {
    const char *const end = text + size;
    for (const char *p = text;;) {
        p = ascii_end(p, end);
        if (p == end)
            return true;
        size_t taken = sequence_size(p, static_cast<size_t>(end - p));
        if (taken == 0)
            return false;
        p += taken;
    }
}
