// The status for operators over HTTP, on a thread of its own. It reads the status and touches nothing else of the relay.
//
//   GET /live      200 "ok"; 503 "stuck" when the loop has not turned for a minute
//   GET /ready     200 "streaming"; 503 with the state otherwise
//   GET /metrics   Prometheus' text format
//
// One connection at a time, one request each, and a silent client is left after a second: for probes and a scraper, not for the world.
// No TLS and no passwords: bind it where only these reach it. Tested by test/t/018_status.t.
#pragma once

#include "status.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace httplib {
class Server;
}

namespace outbox {

struct Endpoint {
    std::string host;
    int port; // 0: any free one
};

// "host:port", an IPv6 address in brackets.
std::optional<Endpoint> parse_endpoint(std::string_view text);

class HttpServer {
public:
    // Listens when it returns; throws std::runtime_error where it cannot. The status outlives it.
    HttpServer(const Endpoint &endpoint, const Status &status);
    ~HttpServer();

private:
    void bind(const Endpoint &endpoint);

    std::unique_ptr<httplib::Server> server_;
    std::thread thread_;
};

} // namespace outbox
