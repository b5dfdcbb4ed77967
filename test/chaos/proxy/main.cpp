// proxy: TCP links between the relay and its two ends, with the faults that networks have. No general proxy: loopback only, a handful of
// connections, commands of one program. Tested by test/t/040_proxy.t.
//
//   proxy NAME=[ADDRESS:]LISTEN_PORT:TARGET_PORT...      ADDRESS: one of the loopback network's, 127.0.0.1 without
//
// Prints "ok" when all links listen. Reads commands on standard input, one a line, answers each with a line, and ends when the input ends.
//
//   NAME delay MS       bytes that are read from now on arrive so much later
//   NAME hold BYTES     the most bytes of one direction that the proxy holds during a delay (1 MB); with more the sender has to wait
//   NAME cut BYTES      resets all connections after this number of bytes, also in the middle of a message
//   NAME silence WAY    up (to the target), down or both: holds all bytes, and the end of a stream too, as a network without a route does
//   NAME reset          resets all connections
//   NAME forget         the present connections are silent for ever, and new ones work, as where a peer vanished
//   NAME refuse         resets new connections
//   NAME target PORT    new connections go there
//   NAME heal           undoes delay, cut, silence and refuse
//
// This file is the loop. A connection is connection.h, the connections of a port and the faults in force are link.h, commands are
// commands.h.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "test/chaos/proxy/commands.h"
#include "test/chaos/proxy/link.h"

namespace proxy {
namespace {

class Proxy {
public:
    explicit Proxy(const std::vector<std::string> &links) {
        for (const std::string &text : links) {
            const size_t equals = std::min(text.find('='), text.size());
            links_[text.substr(0, equals)].open(text.substr(std::min(equals + 1, text.size())));
        }
    }

    void run() {
        answer(true);
        while (step()) {
        }
    }

private:
    struct Waiting {
        Link *link;
        Connection *connection; // null: the listener's
    };

    bool step() {
        polled_.assign(1, {STDIN_FILENO, POLLIN, 0});
        waiting_.assign(1, {nullptr, nullptr});
        auto until = Clock::now() + std::chrono::hours(1);
        for (auto &[name, link] : links_) {
            add(link.listener, POLLIN, {&link, nullptr});
            for (Connection &connection : link.connections)
                wait_for(link, connection, until);
        }
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
        if (poll(polled_.data(), polled_.size(), static_cast<int>(std::max<long>(left, 0))) < 0 && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "poll");
        for (size_t i = 1; i < polled_.size(); i++)
            if (polled_[i].revents != 0)
                serve(waiting_[i], polled_[i].fd);
        const bool goes_on = polled_[0].revents == 0 || take_commands();
        for (auto &[name, link] : links_)
            link.forward();
        return goes_on;
    }

    void add(int descriptor, int events, Waiting waiting) {
        polled_.push_back({descriptor, static_cast<short>(events), 0});
        waiting_.push_back(waiting);
    }

    void wait_for(Link &link, Connection &connection, Clock::time_point &until) {
        if (connection.forgotten)
            return;
        const auto side = [&](int socket, const Flow &in, const Flow &out, bool silent) {
            int events = in.wants_to_read(link.held_bytes_max) ? POLLIN : 0;
            if (!silent && out.wants_to_write())
                events |= POLLOUT;
            else if (!silent && !out.pieces.empty())
                until = std::min(until, out.pieces.front().due);
            if (events != 0)
                add(socket, events, {&link, &connection});
        };
        side(connection.client, connection.up, connection.down, link.silent_down);
        side(connection.target, connection.down, connection.up, link.silent_up);
    }

    static void serve(const Waiting &waiting, int descriptor) {
        if (waiting.connection == nullptr)
            return waiting.link->accept_one();
        Connection &connection = *waiting.connection;
        Flow &flow = descriptor == connection.client ? connection.up : connection.down;
        if (flow.wants_to_read(waiting.link->held_bytes_max))
            connection.read_into(flow, descriptor, waiting.link->delay);
    }

    bool take_commands() {
        char buffer[4096];
        const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
        if (size <= 0)
            return false;
        input_.append(buffer, static_cast<size_t>(size));
        for (size_t end; (end = input_.find('\n')) != std::string::npos; input_.erase(0, end + 1))
            answer(obey(links_, input_.substr(0, end)));
        return true;
    }

    static void answer(bool obeyed) {
        std::puts(obeyed ? "ok" : "no such command");
        std::fflush(stdout);
    }

    std::map<std::string, Link> links_;
    std::vector<pollfd> polled_;
    std::vector<Waiting> waiting_;
    std::string input_;
};

} // namespace
} // namespace proxy

int main(int argc, char **argv) {
    try {
        proxy::Proxy(std::vector<std::string>(argv + 1, argv + argc)).run();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "proxy: %s\n", error.what());
        return 1;
    }
}
