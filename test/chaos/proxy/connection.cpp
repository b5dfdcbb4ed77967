#include "test/chaos/proxy/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace proxy {
namespace {

constexpr size_t read_bytes_max = 64 << 10;

} // namespace

void Flow::hold(Clock::time_point due, std::string bytes) {
    held_bytes += bytes.size();
    read_end = bytes.empty();
    pieces.push_back({due, std::move(bytes)});
}

void Flow::drop(size_t size) {
    std::string &bytes = pieces.front().bytes;
    held_bytes -= size;
    bytes.erase(0, size);
    if (bytes.empty())
        pieces.pop_front();
}

void Connection::read_into(Flow &flow, int socket, milliseconds delay) {
    static char buffer[read_bytes_max];
    const ssize_t size = read(socket, buffer, sizeof buffer);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0)
        dead = !forgotten;
    flow.hold(Clock::now() + delay, std::string(buffer, static_cast<size_t>(std::max<ssize_t>(size, 0))));
}

void Connection::close_both() const {
    for (const int socket : {client, target}) {
        const linger now{1, 0};
        if (dead)
            setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(socket);
    }
}

} // namespace proxy
