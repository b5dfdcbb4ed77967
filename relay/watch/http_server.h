// The status for operators over HTTP, in a thread of its own, which reads the status and touches nothing else of the relay. answers.h has
// the answers; between requests the thread takes the samples from which the page draws its charts.
//
// Each connection has one request. No client holds up the others or the end: a client is cut off after a second of silence, after two
// seconds in any case, when it is the oldest of too many, and when its request is too long. The server is for probes and scrapers, and not
// for the world: the server has no TLS and no passwords, so an operator binds it to an address that only these reach. Tested by
// test/t/018_status.t.
#pragma once

#include "core/status.h"
#include "watch/endpoint.h"

#include <memory>
#include <thread>

struct MHD_Daemon;

namespace outbox {

class HttpClients;
struct HttpContent;

const char *http_library_version();

class HttpServer {
public:
    // Listens when the constructor returns. Throws std::runtime_error where the endpoint is taken. The status outlives the server.
    HttpServer(const Endpoint &endpoint, const Status &status);
    ~HttpServer(); // does not wait for clients

private:
    void serve(const std::stop_token &stop);

    std::unique_ptr<HttpClients> clients_;
    std::unique_ptr<HttpContent> content_;
    int listener_; // closed by the daemon, once there is one
    MHD_Daemon *daemon_;
    std::jthread thread_;
};

} // namespace outbox
