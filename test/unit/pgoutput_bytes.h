// pgoutput's messages as bytes, for tests.
#pragma once

#include "relay/core/wire.h"

#include <cstdint>
#include <string>

namespace outbox {

inline std::string big_endian(uint64_t value, int bytes) {
    std::string text;
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        text += static_cast<char>(value >> shift);
    return text;
}
inline std::string begin_bytes(uint64_t start, int64_t time_us = 0) {
    return "B" + big_endian(start, 8) + big_endian(static_cast<uint64_t>(time_us), 8) + big_endian(742, 4);
}
inline std::string commit_bytes(uint64_t start, uint64_t end) {
    return "C" + big_endian(0, 1) + big_endian(start, 8) + big_endian(end, 8) + big_endian(0, 8);
}
inline std::string message_bytes(const std::string &content, const std::string &prefix = "outbox", bool transactional = true,
                                 uint64_t lsn = 0x80) {
    return "M" + big_endian(transactional, 1) + big_endian(lsn, 8) + prefix + std::string(1, '\0') + big_endian(content.size(), 4) +
           content;
}

} // namespace outbox
