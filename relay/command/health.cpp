#include "command/health.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <string>

namespace outbox {
namespace {

constexpr timeval patience = {3, 0};
constexpr size_t answer_bytes_max = 4096;

struct AddressesFree {
    void operator()(addrinfo *addresses) const { freeaddrinfo(addresses); }
};

class Socket {
public:
    explicit Socket(const addrinfo &address) : descriptor_(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); // of connect(), too
    }
    ~Socket() { close(descriptor_); }
    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;
    int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

// The whole answer; empty with errno where there is none.
std::string ask(const addrinfo &address, const std::string &path) {
    Socket relay(address);
    std::string request = "GET " + path + " HTTP/1.0\r\n\r\n", answer;
    if (connect(relay.descriptor(), address.ai_addr, address.ai_addrlen) != 0 ||
        send(relay.descriptor(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return "";
    char buffer[512];
    for (ssize_t size; answer.size() < answer_bytes_max && (size = recv(relay.descriptor(), buffer, sizeof(buffer), 0)) > 0;)
        answer.append(buffer, static_cast<size_t>(size));
    return answer;
}

} // namespace

int ask_health(const HealthCommand &command) {
    std::string path = command.ready ? "/ready" : "/live", answer;
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    int error = getaddrinfo(command.relay.host.c_str(), std::to_string(command.relay.port).c_str(), &hints, &found);
    std::unique_ptr<addrinfo, AddressesFree> addresses(found);
    std::string reason = error == 0 ? "" : gai_strerror(error);
    for (const addrinfo *each = found; each != nullptr && answer.empty(); each = each->ai_next) {
        errno = 0;
        answer = ask(*each, path);
        reason = errno == 0 || errno == EAGAIN || errno == EINPROGRESS ? "no answer" : strerror(errno);
    }
    if (answer.empty()) {
        std::cout << text_of(command.relay) << ": " << reason << std::endl;
        return 1;
    }
    size_t body = answer.find("\r\n\r\n");
    std::cout << (body == std::string::npos ? "" : answer.substr(body + 4)) << std::flush;
    return answer.starts_with("HTTP/1.0 200 ") || answer.starts_with("HTTP/1.1 200 ") ? 0 : 1;
}

} // namespace outbox
