// Where to listen: a host and a port. Tested by test/t/018_status.t.
#pragma once

#include <string>

namespace outbox {

struct Endpoint {
    std::string host;
    int port; // 0: any free one
};

std::string text_of(const Endpoint &endpoint); // "host:port", an IPv6 address in brackets

// A socket that listens there, on a port that it shares with no other; the caller's to close. Throws std::runtime_error where it cannot.
int listen_on(const Endpoint &endpoint);

} // namespace outbox
