#include "http_server.h"

#include "log.h"
#include "metrics.h"

#include <httplib.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace outbox {
namespace {

using httplib::Request;
using httplib::Response;

constexpr int patience_s = 1; // with a client that sends or reads nothing

// Serves a connection where it was accepted: one thread and one descriptor, however many come.
class OneAtATime : public httplib::TaskQueue {
public:
    using Accepted = decltype(std::declval<httplib::TaskQueue &>().enqueue(nullptr)); // bool in newer versions of the library
    Accepted enqueue(std::function<void()> serve) override {
        serve();
        return Accepted(true);
    }
    void shutdown() override {}
};

void answer(Response &response, bool is_good, const char *word) {
    response.status = is_good ? 200 : 503;
    response.set_content(std::string(word) + "\n", "text/plain");
}

void add_routes(httplib::Server &server, const Status &status) {
    server.Get("/live", [&status](const Request &, Response &response) {
        bool live = is_live(status, Status::Clock::now());
        answer(response, live, live ? "ok" : "stuck");
    });
    server.Get("/ready", [&status](const Request &, Response &response) {
        RelayState state = status.state;
        answer(response, state == RelayState::streaming, name_of(state));
    });
    server.Get("/metrics",
               [&status](const Request &, Response &response) { response.set_content(metrics_text(status), metrics_content_type); });
}

httplib::Server::HandlerResponse refuse_other_methods(const Request &request, Response &response) {
    if (request.method == "GET" || request.method == "HEAD")
        return httplib::Server::HandlerResponse::Unhandled;
    response.status = 405;
    response.set_header("Allow", "GET, HEAD");
    return httplib::Server::HandlerResponse::Handled;
}

// The library's own options would let two relays share the port.
void socket_options(socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

// The library passes on no reason, but what bind(2) says is still there; a name that does not resolve leaves anything.
std::string reason_of(int error) {
    bool is_of_bind = error == EADDRINUSE || error == EACCES || error == EADDRNOTAVAIL;
    return is_of_bind ? strerror(error) : "no such address";
}

std::string text_of(const std::string &host, int port) {
    bool is_ipv6 = host.find(':') != std::string::npos;
    return fmt::format("{}:{}", is_ipv6 ? "[" + host + "]" : host, port);
}

} // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return {};
    std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find_first_of(":[]") != std::string_view::npos)
        return {};
    uint16_t port = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (host.empty() || error != std::errc() || end != digits.data() + digits.size())
        return {};
    return Endpoint{std::string(host), port};
}

HttpServer::HttpServer(const Endpoint &endpoint, const Status &status) : server_(std::make_unique<httplib::Server>()) {
    server_->new_task_queue = [] { return new OneAtATime; };
    server_->set_socket_options(socket_options);
    server_->set_keep_alive_max_count(1);
    server_->set_keep_alive_timeout(patience_s); // also how long the first request may take to come
    server_->set_read_timeout(patience_s);
    server_->set_write_timeout(patience_s);
    server_->set_pre_routing_handler(refuse_other_methods);
    add_routes(*server_, status);
    bind(endpoint);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) // before that, stop() would do nothing
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

HttpServer::~HttpServer() {
    server_->stop();
    thread_.join();
}

void HttpServer::bind(const Endpoint &endpoint) {
    errno = 0;
    int port = endpoint.port;
    if (port == 0)
        port = server_->bind_to_any_port(endpoint.host);
    else if (!server_->bind_to_port(endpoint.host, port))
        port = -1;
    if (port < 0)
        throw std::runtime_error(fmt::format("cannot listen on {}: {}", text_of(endpoint.host, endpoint.port), reason_of(errno)));
    spdlog::info("status on http://{}/ready, /live and /metrics", text_of(endpoint.host, port));
}

} // namespace outbox
