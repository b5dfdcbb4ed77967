#include "stdout/stdout_sink.h"

#include "core/decode.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <system_error>

namespace outbox {
namespace {

// A terminal obeys control characters: those of ASCII, and U+0080 to U+009F.
void append_visible(std::string_view text, std::string &to) {
    for (size_t i = 0; i < text.size(); i++) {
        auto byte = static_cast<unsigned char>(text[i]);
        bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        to += byte < 0x20 || byte == 0x7f || is_c1 ? '?' : text[i];
        i += is_c1;
    }
}

// 09:42:00.123, UTC
void append_time(int64_t ms_since_1970, std::string &to) {
    constexpr int64_t day_ms = 24 * 60 * 60 * 1000;
    int64_t ms = (ms_since_1970 % day_ms + day_ms) % day_ms;
    char text[16];
    snprintf(text, sizeof(text), "%02d:%02d:%02d.%03d", static_cast<int>(ms / 3600000), static_cast<int>(ms / 60000 % 60),
             static_cast<int>(ms / 1000 % 60), static_cast<int>(ms % 1000));
    to.append(text);
}

} // namespace

// Non-blocking without changing what other processes share with us: a pipe or terminal is opened once more. Elsewhere small writes after
// a poll have to do: PIPE_BUF bytes fit wherever poll says writable.
StdoutSink::StdoutSink(LineFormat format, DeliveryListener &listener)
    : format_(format), listener_(listener), fd_(STDOUT_FILENO), write_bytes_(PIPE_BUF) {
    struct stat status;
    if (fstat(STDOUT_FILENO, &status) != 0)
        throw std::system_error(errno, std::generic_category(), "standard output");
    if (S_ISREG(status.st_mode)) {
        write_bytes_ = gathered_max;
    } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        int own = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (own >= 0) {
            fd_ = own;
            closes_ = true;
            write_bytes_ = gathered_max;
        }
    }
}

StdoutSink::~StdoutSink() {
    if (closes_)
        close(fd_);
}

Offer StdoutSink::offer(const Begin &transaction, const Event &event, Chunk &chunk) {
    refused_ = gathered_.size() >= gathered_max;
    if (refused_)
        return Offer::busy;
    size_t before = gathered_.size();
    if (format_ == LineFormat::pretty)
        append_pretty(transaction, event);
    else
        gathered_.append(event.line);
    gathered_ += '\n';
    Chunk::Pointer reference(chunk.retain(gathered_.size() - before));
    waiting_.push_back({written_ + gathered_.size(), std::move(reference)});
    return Offer::taken;
}

// 09:42:00.123 orders 42 order.created {"item":"Macbook"}
void StdoutSink::append_pretty(const Begin &transaction, const Event &event) {
    append_time(transaction.commit_time_ms, gathered_);
    gathered_.append("  ").append(event.topic).append("  ");
    append_visible(event.key ? unescape(*event.key, scratch_) : "(no key)", gathered_);
    gathered_.append("  ");
    append_visible(event.type.empty() ? "(no type)" : unescape(event.type, scratch_), gathered_);
    gathered_.append("  ");
    if (event.payload_kind == PayloadKind::json)
        append_visible(event.payload, gathered_);
    else if (event.payload_kind == PayloadKind::none)
        gathered_.append("(tombstone)");
    else
        gathered_.append("(").append(std::to_string(event.payload.size() / 4 * 3)).append(" bytes)");
}

void StdoutSink::flush() {
    size_t done = 0;
    while (done < gathered_.size()) {
        pollfd writable = {fd_, POLLOUT, 0};
        if (!closes_ && (poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0) && (writable.revents & (POLLERR | POLLHUP)) == 0)
            break;
        ssize_t size = write(fd_, gathered_.data() + done, std::min(write_bytes_, gathered_.size() - done));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            break;
        if (size < 0 && errno == EPIPE)
            throw SinkClosed("standard output was closed");
        if (size < 0)
            throw std::system_error(errno, std::generic_category(), "cannot write to standard output");
        done += static_cast<size_t>(size);
        written_ += static_cast<size_t>(size);
        report_written();
    }
    gathered_.erase(0, done);
}

// A reader that goes away while there is nothing to write shows only as a state of the descriptor.
void StdoutSink::serve() {
    flush();
    pollfd closed = {fd_, 0, 0};
    if (poll(&closed, 1, 0) == 1 && (closed.revents & (POLLERR | POLLHUP)) != 0)
        throw SinkClosed("standard output was closed");
}

void StdoutSink::report_written() {
    while (!waiting_.empty() && waiting_.front().end <= written_) {
        listener_.delivered(*waiting_.front().chunk);
        waiting_.pop_front();
    }
}

pollfd StdoutSink::wanted() const { return {fd_, static_cast<short>(gathered_.empty() ? 0 : POLLOUT), 0}; }

} // namespace outbox
