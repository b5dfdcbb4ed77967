// The one place where the relay waits: for one of a few descriptors, or until a time. Tested by test/unit/poll_test.cpp.
#pragma once

#include "core/clock.h"

#include <poll.h>

#include <array>

namespace outbox {

class Poll {
public:
    enum Of { signals, sink, stream, shutdown_inquiry, slot_inquiry, count };

    // begin() and want() name the descriptors of the next wait.
    void begin() { descriptors_.fill({-1, 0, 0}); }
    void want(Of which, pollfd descriptor) { descriptors_[which] = {descriptor.fd, descriptor.events, 0}; }

    // Returns when a descriptor is ready, when a signal handler ran, or at `until`; after some seconds in any case, so that the status
    // shows a loop that turns. Throws std::system_error.
    void wait(Clock::time_point until, Clock::time_point now);

    bool is_ready(Of which) const { return descriptors_[which].revents != 0; }
    bool is_unread(Of which) const { return is_wanted(which) && (descriptors_[which].events & POLLIN) == 0; }
    bool has_hung_up(Of which) const { return (descriptors_[which].revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0; }

private:
    bool is_wanted(Of which) const { return descriptors_[which].fd >= 0; }

    std::array<pollfd, count> descriptors_{};
};

// The descriptor as a reader wants it that reads nothing now: poll() reports only that the other side has closed the connection.
inline pollfd without_reading(pollfd wanted) {
    wanted.events = static_cast<short>((wanted.events & ~POLLIN) | POLLRDHUP);
    return wanted;
}

} // namespace outbox
