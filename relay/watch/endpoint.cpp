#include "watch/endpoint.h"

#include "base/destroy.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace outbox {
namespace {

using Addresses = std::unique_ptr<addrinfo, Destroy<freeaddrinfo>>;

[[noreturn]] void fail(const Endpoint &endpoint, const char *reason) {
    throw std::runtime_error(fmt::format("cannot listen on {}: {}", text_of(endpoint), reason));
}

Addresses addresses_of(const Endpoint &endpoint) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    int error = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
    if (error != 0)
        fail(endpoint, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    return Addresses(found);
}

// A listening socket; negative, with errno, where there is none.
int listen_on(const addrinfo &address) {
    int descriptor = socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
    if (descriptor < 0)
        return -1;
    const int on = 1; // allows for connections of an earlier process that linger; a second listener is an error all the same
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 && listen(descriptor, SOMAXCONN) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

} // namespace

std::string text_of(const Endpoint &endpoint) {
    bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
    return fmt::format("{}:{}", is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host, endpoint.port);
}

int listen_on(const Endpoint &endpoint) {
    Addresses addresses = addresses_of(endpoint);
    for (const addrinfo *each = addresses.get(); each != nullptr; each = each->ai_next) {
        int descriptor = listen_on(*each);
        if (descriptor >= 0)
            return descriptor;
        if (errno == EADDRINUSE) // under the name's other address nobody would notice that the port is taken
            break;
    }
    fail(endpoint, strerror(errno));
}

} // namespace outbox
