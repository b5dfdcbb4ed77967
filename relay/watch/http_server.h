// The status for operators over HTTP, on a thread of its own. It reads the status and touches nothing else of the relay. What it
// answers is in answers.h; between requests it takes the samples of which the page draws its pictures.
//
// One request a connection. No client holds up the others or the end: it is cut off after a second of silence, after two seconds whatever
// it does, when it is the oldest of too many, and when its request is too long. Still for probes and a scraper, not for the world: no TLS
// and no passwords, bind it where only these reach it. Tested by test/t/018_status.t.
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
    // Listens when it returns; throws std::runtime_error where it cannot. The status outlives it.
    HttpServer(const Endpoint &endpoint, const Status &status);
    ~HttpServer(); // does not wait for clients

private:
    void serve(const std::stop_token &stop);

    std::unique_ptr<HttpClients> clients_;
    std::unique_ptr<HttpContent> content_;
    int listener_; // the daemon's, once there is one
    MHD_Daemon *daemon_;
    std::jthread thread_;
};

} // namespace outbox
