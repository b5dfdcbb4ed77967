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

// A position in the WAL. Positions are compared, never computed: end + 1 would confirm the neighbour's transaction. Hence no operators.
enum class Lsn : uint64_t {};

std::optional<Lsn> parse_lsn(std::string_view text); // "0/16B3748", in hex, whatever the padding
std::string format_lsn(Lsn lsn);

// XLogData, sent by the server; then follow the bytes of the output plugin
//   • Byte1 'w'
//   • Int64 start of the data, Int64 end of the WAL, Int64 the server's clock: none of them counts here
constexpr size_t xlog_data_header_bytes = 25;

// Primary keepalive, sent by the server
//   • Byte1 'k'
//   • Int64 how far the server has read the WAL and sent what there was to send
//   • Int64 the server's clock
//   • Byte1 1: reply at once
struct Keepalive {
    Lsn wal_end;
    bool reply_requested;
};
constexpr size_t keepalive_bytes = 18;

std::optional<Keepalive> parse_keepalive(std::string_view message);

// Standby status update, sent by us
//   • Byte1 'r'
//   • Int64 written, Int64 flushed, Int64 applied: to us one and the same
//   • Int64 our clock, microseconds since 2000-01-01
//   • Byte1 1: reply at once
using StatusUpdate = std::array<char, 34>;

StatusUpdate make_status_update(Lsn confirmed, int64_t clock_us, bool requests_reply = false);

} // namespace outbox
