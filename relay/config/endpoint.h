// Where to listen: a host and a port. Tested by test/unit/status_test.cpp and test/t/018_status.t.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace outbox {

struct Endpoint {
    std::string host;
    int port; // 0: any free one
};

// "host:port", an IPv6 address in brackets.
std::optional<Endpoint> parse_endpoint(std::string_view text);
std::string text_of(const Endpoint &endpoint);

// A socket that listens there, on a port that it shares with no other; the caller's to close. Throws std::runtime_error where it cannot.
int listen_on(const Endpoint &endpoint);

} // namespace outbox
