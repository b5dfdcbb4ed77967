#include "test/chaos/proxy/link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace proxy {
namespace {

constexpr char usage_text[] = "usage: proxy NAME=[ADDRESS:]LISTEN_PORT:TARGET_PORT...";

[[noreturn]] void fail(const char *what) { throw std::system_error(errno, std::generic_category(), what); }

sockaddr_in loopback(int port, const std::string &host = "127.0.0.1") {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (!host.starts_with("127.") || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
        throw std::invalid_argument("no address of the loopback network: " + host);
    return address;
}

int new_socket() {
    const int result = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (result < 0)
        fail("socket");
    return result;
}

int listen_at(const sockaddr_in &address) {
    const int listener = new_socket(), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, reinterpret_cast<const sockaddr *>(&address), sizeof address) || listen(listener, 64))
        fail("listen");
    fcntl(listener, F_SETFL, O_NONBLOCK);
    return listener;
}

} // namespace

void Link::open(const std::string &ports) {
    const size_t last = ports.rfind(':');
    if (last == std::string::npos)
        throw std::invalid_argument(usage_text);
    const std::string from = ports.substr(0, last);
    const size_t colon = from.find(':');
    const bool has_address = colon != std::string::npos;
    listener = listen_at(has_address ? loopback(std::stoi(from.substr(colon + 1)), from.substr(0, colon)) : loopback(std::stoi(from)));
    target_port = std::stoi(ports.substr(last + 1));
}

void Link::accept_one() {
    const int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    Connection connection{client, new_socket(), {}, {}};
    const sockaddr_in address = loopback(target_port);
    // The call blocks: on the loopback device a connection is accepted or refused at once.
    if (refuses || connect(connection.target, reinterpret_cast<const sockaddr *>(&address), sizeof address)) {
        connection.dead = true;
        connection.close_both();
        return;
    }
    fcntl(connection.target, F_SETFL, O_NONBLOCK);
    const int on = 1;
    for (const int each : {connection.client, connection.target})
        setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections.push_back(std::move(connection));
}

void Link::forward() {
    for (Connection &connection : connections) {
        if (connection.forgotten)
            continue;
        if (!silent_up)
            write_out(connection, connection.up, connection.target);
        if (!silent_down)
            write_out(connection, connection.down, connection.client);
    }
    connections.remove_if([](const Connection &connection) {
        const bool is_over = connection.dead || connection.finished();
        if (is_over)
            connection.close_both();
        return is_over;
    });
}

void Link::write_out(Connection &connection, Flow &flow, int socket) {
    while (flow.wants_to_write() && !connection.dead) {
        const std::string &bytes = flow.pieces.front().bytes;
        if (bytes.empty()) {
            shutdown(socket, SHUT_WR);
            flow.wrote_end = true;
            flow.pieces.pop_front();
            return;
        }
        const size_t size = bytes_to_cut == no_cut ? bytes.size() : std::min(bytes.size(), static_cast<size_t>(bytes_to_cut));
        const ssize_t written = send(socket, bytes.data(), size, MSG_NOSIGNAL);
        if (written < 0) {
            connection.dead = errno != EAGAIN && errno != EINTR;
            return;
        }
        flow.drop(static_cast<size_t>(written));
        count_towards_cut(written);
    }
}

void Link::count_towards_cut(long written) {
    if (bytes_to_cut == no_cut || (bytes_to_cut -= written) > 0)
        return;
    bytes_to_cut = no_cut;
    reset_all();
}

void Link::reset_all() {
    for (Connection &connection : connections)
        connection.dead = true;
}

void Link::forget_all() {
    for (Connection &connection : connections)
        connection.forgotten = true;
}

void Link::heal() {
    delay = {};
    bytes_to_cut = no_cut;
    silent_up = silent_down = refuses = false;
}

} // namespace proxy
