// The status for operators over HTTP, on a thread of its own. It reads the status and touches nothing else of the relay.
//
//   GET /live      200 "ok"; 503 "stuck" when the loop has not turned for a minute
//   GET /ready     200 "streaming"; 503 with the state otherwise
//   GET /metrics   Prometheus' text format
//
// One request a connection, and few connections: for probes and a scraper, not for the world. Whoever connects has two seconds and 16 kB,
// whatever is done with them. No TLS and no passwords: bind it where only these reach it. Tested by test/t/018_status.t.
#pragma once

#include "status.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

struct MHD_Daemon;

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
    ~HttpServer(); // at once: whoever is being served is left
    HttpServer(const HttpServer &) = delete;
    HttpServer &operator=(const HttpServer &) = delete;

private:
    using Clock = std::chrono::steady_clock;

    struct Stop {
        void operator()(MHD_Daemon *daemon) const;
    };

    void serve();
    int serve_at_most_ms() const;
    void leave_the_slow();

    int stop_; // an eventfd
    std::unique_ptr<MHD_Daemon, Stop> daemon_;
    std::unordered_map<int, Clock::time_point> connections_; // by their sockets: until when
    std::thread thread_;
};

} // namespace outbox
