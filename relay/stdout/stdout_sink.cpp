#include "stdout/stdout_sink.h"

#include "base/exit_code.h"
#include "base/standard_files.h"
#include "core/pretty.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <system_error>

namespace outbox {

// Opens a pipe or terminal once more, so that O_NONBLOCK does not change the description that other processes share with the relay. Where
// that fails, the sink writes at most PIPE_BUF bytes after poll(): so many fit wherever poll() reports the descriptor as writable.
StdoutSink::StdoutSink(LineFormat format, DeliveryListener &listener)
    : format_(format), listener_(listener), fd_(STDOUT_FILENO), write_bytes_(PIPE_BUF) {
    if (!can_write_to_stdout())
        throw Failure(ExitCode::usage, "--stdout: standard output is closed, or not open for writing");
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
        append_pretty(transaction, event, gathered_, scratch_);
    else
        gathered_.append(event.line);
    gathered_ += '\n';
    Chunk::Pointer reference(chunk.retain(gathered_.size() - before));
    waiting_.push_back({written_ + gathered_.size(), std::move(reference)});
    return Offer::taken;
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

// Looks at the descriptor's state, too: nothing else shows that the reader went away while the sink had nothing to write.
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
