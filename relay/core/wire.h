// PostgreSQL's replication messages and LSNs as bytes and text: pure functions, no libpq, no clock. Tested by test/unit/wire_test.cpp.
// Source: "Streaming Replication Protocol" of PostgreSQL's documentation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outbox {

// A position in the WAL. LSNs are compared and never computed, since end + 1 would confirm a part of the neighbour's transaction: hence no
// operators.
enum class Lsn : uint64_t {};

std::optional<Lsn> parse_lsn(std::string_view text); // "0/16B3748": two hex numbers, with or without leading zeros
std::string format_lsn(Lsn lsn);

// XLogData, sent by the server; the bytes of the output plugin follow
//   • Byte1 'w'
//   • Int64 start of the data, Int64 end of the WAL, Int64 the server's clock: the relay reads none of the three
constexpr size_t xlog_data_header_bytes = 25;

// Primary keepalive, sent by the server
//   • Byte1 'k'
//   • Int64 the LSN up to which the server has read the WAL, and sent what there was to send
//   • Int64 the server's clock
//   • Byte1 1: the server wants a reply at once
struct Keepalive {
    Lsn wal_end;
    bool reply_requested;
};
constexpr size_t keepalive_bytes = 18;

std::optional<Keepalive> parse_keepalive(std::string_view message);

// Standby status update, sent by the relay
//   • Byte1 'r'
//   • Int64 written, Int64 flushed, Int64 applied: three times the confirmed LSN
//   • Int64 the relay's clock, microseconds since 2000-01-01
//   • Byte1 1: the relay wants a reply at once
using StatusUpdate = std::array<char, 34>;

StatusUpdate make_status_update(Lsn confirmed, int64_t clock_us, bool requests_reply = false);

} // namespace outbox
