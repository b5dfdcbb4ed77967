// A TCP connection of a command that asks one question: bounded in time. Tested by test/t/053_health.t and test/t/174_doctor_versions.t.
#pragma once

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>

namespace outbox {

class TimedSocket {
public:
    // connect(), each send and each receive wait for so long at most. The descriptor is -1 where the system has none left: each call fails.
    TimedSocket(const addrinfo &address, std::chrono::seconds patience)
        : descriptor_(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        timeval limit = {.tv_sec = patience.count(), .tv_usec = 0};
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); // bounds connect(), too
    }
    ~TimedSocket() { close(descriptor_); }
    TimedSocket(const TimedSocket &) = delete;
    TimedSocket &operator=(const TimedSocket &) = delete;

    bool connect_to(const addrinfo &address) { return connect(descriptor_, address.ai_addr, address.ai_addrlen) == 0; }
    int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

} // namespace outbox
