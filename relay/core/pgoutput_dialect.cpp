#include "core/pgoutput_dialect.h"

#include "../outbox_ext/contract/guard.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace outbox {
namespace {

constexpr std::string_view prefix = ENVELOPE_PREFIX;

[[noreturn]] void refuse(const char *what) { throw FormatError(what); }

// Takes a message apart from left to right. Each step throws FormatError where the message ends too early.
class Bytes {
public:
    explicit Bytes(std::string_view message) : rest_(message) {}

    template <class Integer>
    Integer integer() {
        Integer value = 0;
        for (char byte : take(sizeof(Integer)))
            value = static_cast<Integer>(value << 8 | static_cast<unsigned char>(byte));
        return value;
    }
    Lsn lsn() { return Lsn{integer<uint64_t>()}; }
    std::string_view text() { // a String of the protocol, which ends with a NUL
        size_t size = rest_.find('\0');
        if (size == std::string_view::npos)
            refuse("a text without its end in the stream");
        std::string_view text = take(size);
        take(1);
        return text;
    }
    std::string_view take(size_t size) {
        if (size > rest_.size())
            refuse("a message of the stream is cut off");
        std::string_view bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return bytes;
    }
    void end() const {
        if (!rest_.empty())
            refuse("bytes after the end of a message of the stream");
    }

private:
    std::string_view rest_;
};

// Milliseconds since 1970, of PostgreSQL's microseconds since 2000.
int64_t since_1970_ms(int64_t since_2000_us) {
    constexpr int64_t from_1970_to_2000_ms = 946684800000;
    int64_t ms = since_2000_us / 1000 - (since_2000_us % 1000 < 0 ? 1 : 0);
    return ms + from_1970_to_2000_ms;
}

// The name of a transaction (item.h). pgoutput begins a transaction with the start of its commit record; the record's end comes with the
// commit alone. The start itself can be the end of the transaction before. The byte behind the start belongs to this record only, and is
// not behind the record's end, which is the name that the extension's plugin gives. So the names of both plugins follow the order of the
// commits, and compare alike with every end of a record.
Lsn within_record(Lsn start) { return Lsn{static_cast<uint64_t>(start) + 1}; }

} // namespace

PgoutputDialect::PgoutputDialect(std::string_view topics, size_t event_max)
    : topics_(topics), head_max_(std::max(envelope_head_max, event_max)) {}

std::string PgoutputDialect::options() const {
    return std::string("proto_version '1', publication_names '") + publication + "', messages 'true'";
}

Item *PgoutputDialect::next(std::string_view &bytes) {
    if (bytes.empty())
        return std::exchange(has_item_, false) ? &item_ : nullptr;
    std::string_view message = std::exchange(bytes, {});
    has_item_ = false;
    switch (message[0]) {
    case 'B': begin(message); return nullptr;
    case 'M': return read_message(message);
    case 'C': return commit(message);
    case 'O': // origin
    case 'R': // relation
    case 'Y': // type
    case 'I': // insert
    case 'U': // update
    case 'D': // delete
    case 'T': // truncate
        return nullptr;
    default: refuse("unknown message in the stream");
    }
}

// Begin
//   • Byte1 'B'
//   • Int64 start of the commit record, Int64 commit time in microseconds since 2000, Int32 transaction id
void PgoutputDialect::begin(std::string_view message) {
    Bytes bytes(message.substr(1));
    Lsn start = bytes.lsn();
    int64_t time = bytes.integer<int64_t>();
    bytes.take(4);
    bytes.end();
    if (is_open_ || start >= Lsn{UINT64_MAX})
        refuse("a transaction of the stream begins where it must not");
    commit_start_ = start;
    begin_ = {within_record(start), std::nullopt, since_1970_ms(time)};
    is_open_ = true;
    is_told_ = false;
    events_ = 0;
}

// Message
//   • Byte1 'M'
//   • Int8 flags, 1: transactional; Int64 LSN; String prefix
//   • Int32 size of the content, and the content
Item *PgoutputDialect::read_message(std::string_view message) {
    Bytes bytes(message.substr(1));
    auto flags = bytes.integer<uint8_t>();
    Lsn lsn = bytes.lsn();
    std::string_view its_prefix = bytes.text();
    std::string_view content = bytes.take(bytes.integer<uint32_t>());
    bytes.end();
    if (flags > 1)
        refuse("a message of the stream has unknown flags");
    if (flags == 0 || its_prefix != prefix)
        return nullptr;
    if (!is_open_)
        refuse("a message outside a transaction of the stream");
    Text topic = {};
    if (const char *reason = guard_reject(content.data(), content.size(), head_max_, &topic)) {
        item_ = Rejected{lsn, reason};
        return in_transaction(item_);
    }
    if (!topics_.wants({topic.data, topic.size}))
        return nullptr;
    parse_event(content, item_.emplace<Event>());
    events_++;
    return in_transaction(item_);
}

// Commit
//   • Byte1 'C'
//   • Int8 flags, none so far; Int64 start of the commit record, Int64 its end, Int64 commit time
Item *PgoutputDialect::commit(std::string_view message) {
    Bytes bytes(message.substr(1));
    auto flags = bytes.integer<uint8_t>();
    Lsn start = bytes.lsn(), end = bytes.lsn();
    bytes.take(8);
    bytes.end();
    if (flags != 0 || !is_open_ || start != commit_start_ || end <= begin_.commit)
        refuse("a transaction of the stream ends where it must not");
    is_open_ = false;
    if (!is_told_)
        return nullptr; // no message of the transaction counts
    item_ = Commit{end, events_};
    return &item_;
}

// The first item of a transaction comes after its Begin.
Item *PgoutputDialect::in_transaction(Item &item) {
    if (std::exchange(is_told_, true))
        return &item;
    has_item_ = true;
    begin_item_ = begin_;
    return &begin_item_;
}

size_t parse_event_max(std::string_view setting) {
    size_t number = 0;
    auto [end, error] = std::from_chars(setting.data(), setting.data() + setting.size(), number);
    std::string_view unit = setting.substr(static_cast<size_t>(end - setting.data()));
    unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
    size_t factor = unit == "" || unit == "B" ? 1 : unit == "kB" ? 1024 : unit == "MB" ? 1024 * 1024 : 0;
    bool is_valid = error == std::errc() && number <= envelope_size_max && number * factor <= envelope_size_max;
    return is_valid ? number * factor : 0;
}

} // namespace outbox
