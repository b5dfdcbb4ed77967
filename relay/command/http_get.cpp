#include "command/http_get.h"

#include "base/destroy.h"
#include "base/timed_socket.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace outbox {
namespace {

constexpr auto patience = std::chrono::seconds(3);

// The whole answer; empty, with errno, where there is none.
std::string ask(const addrinfo &address, const std::string &path, size_t bytes_max) {
    TimedSocket relay(address, patience);
    std::string request = "GET " + path + " HTTP/1.0\r\n\r\n", answer;
    if (!relay.connect_to(address) ||
        send(relay.descriptor(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return "";
    char buffer[512];
    for (ssize_t size; answer.size() < bytes_max && (size = recv(relay.descriptor(), buffer, sizeof(buffer), 0)) > 0;)
        answer.append(buffer, static_cast<size_t>(size));
    return answer;
}

} // namespace

HttpAnswer http_get(const Endpoint &relay, const std::string &path, size_t bytes_max) {
    std::string answer;
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    int error = getaddrinfo(relay.host.c_str(), std::to_string(relay.port).c_str(), &hints, &found);
    std::unique_ptr<addrinfo, Destroy<freeaddrinfo>> addresses(found);
    std::string reason = error == 0 ? "" : gai_strerror(error);
    for (const addrinfo *each = found; each != nullptr && answer.empty(); each = each->ai_next) {
        errno = 0;
        answer = ask(*each, path, bytes_max);
        reason = errno == 0 || errno == EAGAIN || errno == EINPROGRESS ? "no answer" : strerror(errno);
    }
    if (answer.empty())
        return {false, "", reason};
    size_t head_end = answer.find("\r\n\r\n");
    bool is_ok = answer.starts_with("HTTP/1.0 200 ") || answer.starts_with("HTTP/1.1 200 ");
    return {is_ok, head_end == std::string::npos ? "" : answer.substr(head_end + 4), ""};
}

} // namespace outbox
