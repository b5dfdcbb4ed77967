#include "watch/http_server.h"

#include "base/log.h"
#include "base/log_fields.h"
#include "watch/answers.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned silence_s = 1;                  // a silent client is cut off
constexpr auto patience = std::chrono::seconds(2); // a client that never ends is cut off
constexpr unsigned max_clients = 16;
constexpr size_t client_bytes = 16384; // for a request and the head of its answer
constexpr int turn_ms = 100;

} // namespace

// The data behind the answers. Only the server's thread uses the data, but for the troubles, which the log fills.
struct HttpContent {
    const Status &status;
    std::shared_ptr<Troubles> troubles = std::make_shared<Troubles>();
    Samples samples = {};
};

namespace {

bool has_argument(MHD_Connection *connection, const char *name, std::string_view value) {
    const char *given = nullptr;
    size_t size = 0;
    if (MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &given, &size) != MHD_YES)
        return false;
    return value.empty() || (given != nullptr && std::string_view(given, size) == value);
}

// Called by libmicrohttpd when the head of a request is complete. A body is not read.
MHD_Result handle(void *opaque, MHD_Connection *connection, const char *path, const char *method, const char *, const char *, size_t *,
                  void **) noexcept {
    HttpContent &content = *static_cast<HttpContent *>(opaque);
    Request request{method, path, has_argument(connection, "verbose", ""), has_argument(connection, "standby", "ok")};
    Answer answer = answer_to(request, content.status, content.samples, *content.troubles);
    MHD_Response *response = MHD_create_response_from_buffer(answer.body.size(), answer.body.data(), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Content-Security-Policy", answer.policy.c_str());
    if (answer.code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    MHD_Result result = MHD_queue_response(connection, answer.code, response);
    MHD_destroy_response(response);
    return result;
}

} // namespace

const char *http_library_version() { return MHD_get_version(); }

// The connected clients, the oldest first. libmicrohttpd knows how long a client has been silent, but not how long the client has been
// there.
class HttpClients {
public:
    bool none() const { return clients_.empty(); }

    void add(MHD_Connection *connection) {
        clients_.push_back({connection, Clock::now()});
        if (clients_.size() == max_clients) // otherwise the next client would have to wait
            cut_off(clients_.front());
    }

    void remove(MHD_Connection *connection) {
        std::erase_if(clients_, [connection](const Client &each) { return each.connection == connection; });
    }

    void cut_off_late() const {
        auto now = Clock::now();
        for (const Client &each : clients_)
            if (now - each.since > patience)
                cut_off(each);
    }

private:
    struct Client {
        MHD_Connection *connection;
        Clock::time_point since;
    };

    // Makes the connection look to libmicrohttpd as if the client had hung up: the library closes it in its next turn.
    static void cut_off(const Client &client) {
        shutdown(MHD_get_connection_info(client.connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, SHUT_RDWR);
    }

    std::vector<Client> clients_;
};

namespace {

void follow(void *clients, MHD_Connection *connection, void **, MHD_ConnectionNotificationCode event) noexcept {
    if (event == MHD_CONNECTION_NOTIFY_STARTED)
        static_cast<HttpClients *>(clients)->add(connection);
    else
        static_cast<HttpClients *>(clients)->remove(connection);
}

// Starts libmicrohttpd without its own thread, which could not look at the clock, and without its log, which is about clients' mistakes.
MHD_Daemon *start_daemon(int listener, HttpClients &clients, HttpContent &content) {
    const MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listener, nullptr},
        {MHD_OPTION_CONNECTION_LIMIT, max_clients, nullptr},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, client_bytes, nullptr},
        {MHD_OPTION_CONNECTION_TIMEOUT, silence_s, nullptr},
        {MHD_OPTION_END, 0, nullptr},
    };
    MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, handle, &content, MHD_OPTION_ARRAY, options,
                                          MHD_OPTION_NOTIFY_CONNECTION, follow, &clients, MHD_OPTION_END);
    if (daemon == nullptr)
        throw std::runtime_error("cannot start the status server");
    return daemon;
}

} // namespace

HttpServer::HttpServer(const Endpoint &endpoint, const Status &status)
    : clients_(std::make_unique<HttpClients>()),
      content_(std::make_unique<HttpContent>(HttpContent{status})),
      listener_(listen_on(endpoint)),
      daemon_(start_daemon(listener_, *clients_, *content_)) {
    int port = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT)->port;
    spdlog::default_logger()->sinks().push_back(content_->troubles);
    say(spdlog::level::info, {.event = LogEvent::listening}, "status on http://{}/", text_of({endpoint.host, port}));
    thread_ = std::jthread([this](const std::stop_token &stop) { serve(stop); });
}

HttpServer::~HttpServer() {
    thread_.request_stop();
    shutdown(listener_, SHUT_RDWR); // wakes the thread where no client does
    thread_.join();
    MHD_stop_daemon(daemon_);
}

void HttpServer::serve(const std::stop_token &stop) {
    while (!stop.stop_requested()) {
        Samples &samples = content_->samples;
        auto now = Clock::now();
        if (now >= samples.due_at())
            samples.take(content_->status, now);
        auto pause = std::chrono::ceil<std::chrono::milliseconds>(samples.due_at() - now);
        // MHD_run_wait() fails where the kernel is short of memory: the thread pauses before it tries again.
        if (MHD_run_wait(daemon_, clients_->none() ? static_cast<int>(pause.count()) : turn_ms) != MHD_YES)
            std::this_thread::sleep_for(std::chrono::milliseconds(turn_ms));
        clients_->cut_off_late();
    }
}

} // namespace outbox
