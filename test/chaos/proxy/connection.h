// One TCP connection through the proxy: two sockets, and in each direction the bytes that are read from one and not yet written to the
// other.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>

namespace proxy {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Piece {
    Clock::time_point due;
    std::string bytes; // empty: the end of the stream
};

// One direction of a connection.
struct Flow {
    std::deque<Piece> pieces;
    size_t held_bytes = 0;
    bool read_end = false, wrote_end = false;

    bool wants_to_read(size_t held_bytes_max) const { return !read_end && held_bytes < held_bytes_max; }
    bool wants_to_write() const { return !pieces.empty() && pieces.front().due <= Clock::now(); }

    // Takes bytes that were read; no bytes stand for the end of the stream.
    void hold(Clock::time_point due, std::string bytes);
    // Drops written bytes from the front.
    void drop(size_t size);
};

struct Connection {
    int client, target;
    Flow up, down;
    bool forgotten = false; // silent for ever: the proxy neither reads, writes nor notices anything
    bool dead = false;      // to be reset on both sides

    bool finished() const { return up.wrote_end && down.wrote_end; }

    // Reads once from a socket into the flow that begins there. A reset makes the connection dead: the other side must not take a reset for
    // an end.
    void read_into(Flow &flow, int socket, milliseconds delay);
    // Closes both sockets, with a reset where the connection is dead, as the kernel does for a process that died with unread bytes.
    void close_both() const;
};

} // namespace proxy
