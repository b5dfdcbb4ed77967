#include "http_server.h"

#include "log.h"
#include "metrics.h"

#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace outbox {
namespace {

constexpr unsigned connections_max = 16;
constexpr size_t connection_bytes_max = 16 << 10;     // the request and the head of the answer
constexpr auto patience = std::chrono::seconds(2);    // with a connection, from its beginning to its end
constexpr auto look_again = std::chrono::seconds(60); // when nothing happens

struct Answer {
    unsigned status;
    std::string text;
    const char *content_type = "text/plain";
};

Answer say(bool is_good, const char *word) { return {is_good ? unsigned{MHD_HTTP_OK} : MHD_HTTP_SERVICE_UNAVAILABLE, std::string(word) + "\n"}; }

Answer answer_to(std::string_view method, std::string_view path, const Status &status) {
    if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD)
        return {MHD_HTTP_METHOD_NOT_ALLOWED, ""};
    if (path == "/live") {
        bool live = is_live(status, Status::Clock::now());
        return say(live, live ? "ok" : "stuck");
    }
    if (path == "/ready") {
        RelayState state = status.state;
        return say(state == RelayState::streaming, name_of(state));
    }
    if (path == "/metrics")
        return {MHD_HTTP_OK, metrics_text(status), metrics_content_type};
    return {MHD_HTTP_NOT_FOUND, ""};
}

MHD_Result handle(void *status, MHD_Connection *connection, const char *path, const char *method, const char *, const char *, size_t *,
                  void **) {
    Answer answer = answer_to(method, path, *static_cast<const Status *>(status));
    MHD_Response *response = MHD_create_response_from_buffer(answer.text.size(), answer.text.data(), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type);
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    MHD_Result result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
}

void note_connection(void *connections, MHD_Connection *connection, void **, MHD_ConnectionNotificationCode code) {
    auto &open = *static_cast<std::unordered_map<int, std::chrono::steady_clock::time_point> *>(connections);
    int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        open[socket] = std::chrono::steady_clock::now() + patience;
    else
        open.erase(socket);
}

// ---- listening ------------------------------------------------------------------------------------------------------

std::string text_of(const std::string &host, int port) {
    bool is_ipv6 = host.find(':') != std::string::npos;
    return fmt::format("{}:{}", is_ipv6 ? "[" + host + "]" : host, port);
}

// -1 with errno.
int listen_on(const addrinfo &address) {
    int descriptor = socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
    if (descriptor < 0)
        return -1;
    const int on = 1; // and no SO_REUSEPORT: two relays must not share a port
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 && listen(descriptor, connections_max) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int listen_on(const Endpoint &endpoint) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo *found = nullptr;
    int unresolved = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
    if (unresolved != 0)
        throw std::runtime_error(fmt::format("cannot listen on {}: {}", text_of(endpoint.host, endpoint.port), gai_strerror(unresolved)));
    std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
    int descriptor = -1;
    for (addrinfo *address = found; address != nullptr && descriptor < 0; address = address->ai_next)
        descriptor = listen_on(*address);
    if (descriptor < 0)
        throw std::runtime_error(fmt::format("cannot listen on {}: {}", text_of(endpoint.host, endpoint.port), strerror(errno)));
    return descriptor;
}

int port_of(int socket) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    char port[NI_MAXSERV] = "0";
    if (getsockname(socket, reinterpret_cast<sockaddr *>(&address), &size) == 0)
        getnameinfo(reinterpret_cast<sockaddr *>(&address), size, nullptr, 0, port, sizeof(port), NI_NUMERICSERV);
    return atoi(port);
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

// ---- serving --------------------------------------------------------------------------------------------------------

void HttpServer::Stop::operator()(MHD_Daemon *daemon) const { MHD_stop_daemon(daemon); }

HttpServer::HttpServer(const Endpoint &endpoint, const Status &status) : stop_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (stop_ < 0)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    int listening = listen_on(endpoint);
    int port = port_of(listening);
    // clang-format off
    daemon_.reset(MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, handle, const_cast<Status *>(&status),
        MHD_OPTION_LISTEN_SOCKET, listening, // its own from here on
        MHD_OPTION_CONNECTION_LIMIT, connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_bytes_max,
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, &connections_,
        MHD_OPTION_END));
    // clang-format on
    if (!daemon_) {
        close(listening);
        throw std::runtime_error("cannot serve HTTP");
    }
    spdlog::info("status on http://{}/ready, /live and /metrics", text_of(endpoint.host, port));
    thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
    uint64_t one = 1;
    (void)!write(stop_, &one, sizeof(one));
    thread_.join();
    daemon_.reset();
    close(stop_);
}

void HttpServer::serve() {
    pollfd wanted[] = {{MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, POLLIN, 0}, {stop_, POLLIN, 0}};
    while (wanted[1].revents == 0) {
        size_t before = connections_.size();
        MHD_run(daemon_.get());
        leave_the_slow();
        bool is_less_full = connections_.size() < before; // the library listens again, where it was full, only in its next turn
        poll(wanted, 2, is_less_full ? 0 : serve_at_most_ms());
    }
}

int HttpServer::serve_at_most_ms() const {
    auto until = Clock::now() + look_again;
    for (const auto &[socket, deadline] : connections_)
        until = std::min<Clock::time_point>(until, deadline);
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    MHD_UNSIGNED_LONG_LONG its = 0; // what the library has to do by itself
    if (MHD_get_timeout(daemon_.get(), &its) == MHD_YES)
        left = std::min<decltype(left)>(left, static_cast<decltype(left)>(its));
    return static_cast<int>(std::max<decltype(left)>(left, 0));
}

// The library itself is patient with whoever sends a byte now and then.
void HttpServer::leave_the_slow() {
    auto now = Clock::now();
    for (auto &[socket, deadline] : connections_) {
        if (now < deadline)
            continue;
        shutdown(socket, SHUT_RDWR); // which the library notices
        deadline = now + patience;
    }
}

} // namespace outbox
