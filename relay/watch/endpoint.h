// The place where a server listens: a host and a port. Tested by test/t/018_status.t.
#pragma once

#include <string>

namespace outbox {

struct Endpoint {
    std::string host;
    int port; // 0: any free port
};

std::string text_of(const Endpoint &endpoint); // "host:port", an IPv6 address in brackets

// A socket that listens at the endpoint, on a port that it shares with no other process. The caller closes the socket. Throws
// std::runtime_error where the system gives none.
int listen_on(const Endpoint &endpoint);

} // namespace outbox
