// proxy: TCP links between the relay and its two ends, which can be made as bad as networks are. Not a general proxy: loopback only, a
// handful of connections, commanded by one program. Tested by test/t/040_proxy.t.
//
//   proxy NAME=[ADDRESS:]LISTEN_PORT:TARGET_PORT...      ADDRESS: one of the loopback network's, 127.0.0.1 without
//
// Says "ok" when it listens. Reads commands on standard input, one a line, answers each with a line, and ends with its input.
//
//   NAME delay MS       what is forwarded from now on arrives that much later
//   NAME hold BYTES     so much of one direction is held at most while it is delayed (1 MB); beyond it the sender has to wait
//   NAME cut BYTES      after so many more bytes all connections are reset, wherever that is in a message
//   NAME silence WAY    up (to the target), down or both: nothing is forwarded, not even an end; the rest waits, as for a lost route
//   NAME reset          resets all connections
//   NAME forget         the connections of now are silent for ever; new ones work: a peer that vanished without a word
//   NAME refuse         resets new connections
//   NAME target PORT    new connections go there
//   NAME heal           undoes delay, cut, silence and refuse
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t default_held_bytes_max = 1 << 20; // of one direction, by default; beyond it the sender has to wait
constexpr size_t read_bytes_max = 64 << 10;
constexpr long no_cut = -1;

[[noreturn]] void fail(const char *what) { throw std::system_error(errno, std::generic_category(), what); }

// Closes with a reset, as a process that died does to what nobody has read.
void reset(int socket) {
    const linger now{1, 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(socket);
}

struct Piece {
    Clock::time_point due;
    std::string bytes; // empty: the end of the stream
};

// One way of a connection.
struct Flow {
    std::deque<Piece> pieces;
    size_t held_bytes = 0;
    bool read_end = false, wrote_end = false;

    bool wants_to_read(size_t held_bytes_max) const { return !read_end && held_bytes < held_bytes_max; }

    void hold(Clock::time_point due, std::string bytes) {
        held_bytes += bytes.size();
        read_end = bytes.empty();
        pieces.push_back({due, std::move(bytes)});
    }
};

struct Connection {
    int client, target;
    Flow up, down;
    bool forgotten = false, dead = false;

    bool finished() const { return up.wrote_end && down.wrote_end; }
};

struct Link {
    int listener = -1;
    int target_port = 0;
    milliseconds delay{0};
    size_t held_bytes_max = default_held_bytes_max;
    bool silent_up = false, silent_down = false, refuses = false;
    long bytes_to_cut = no_cut;
    std::list<Connection> connections;

    void reset_all() {
        for (Connection &connection : connections)
            connection.dead = true;
    }
};

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

void accept_on(Link &link) {
    const int client = accept4(link.listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    const int target = new_socket(), on = 1;
    const sockaddr_in address = loopback(link.target_port);
    // Blocking: on the loopback device it is accepted or refused at once.
    if (link.refuses || connect(target, reinterpret_cast<const sockaddr *>(&address), sizeof address)) {
        reset(client);
        close(target);
        return;
    }
    fcntl(target, F_SETFL, O_NONBLOCK);
    for (const int each : {client, target})
        setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link.connections.push_back({client, target, {}, {}, false, false});
}

void read_into(Connection &connection, Flow &flow, int socket, const Link &link) {
    static char buffer[read_bytes_max];
    const ssize_t size = read(socket, buffer, sizeof buffer);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0) // reset; the other side must not take it for a proper end
        connection.dead = !connection.forgotten;
    flow.hold(Clock::now() + link.delay, std::string(buffer, static_cast<size_t>(std::max<ssize_t>(size, 0))));
}

void write_out(Connection &connection, Flow &flow, int socket, Link &link) {
    while (!flow.pieces.empty() && flow.pieces.front().due <= Clock::now() && !connection.dead) {
        std::string &bytes = flow.pieces.front().bytes;
        if (bytes.empty()) {
            shutdown(socket, SHUT_WR);
            flow.wrote_end = true;
            flow.pieces.pop_front();
            return;
        }
        size_t size = bytes.size();
        if (link.bytes_to_cut != no_cut)
            size = std::min(size, static_cast<size_t>(link.bytes_to_cut));
        const ssize_t written = size == 0 ? 0 : send(socket, bytes.data(), size, MSG_NOSIGNAL);
        if (written < 0) {
            connection.dead = errno != EAGAIN && errno != EINTR;
            return;
        }
        flow.held_bytes -= static_cast<size_t>(written);
        bytes.erase(0, static_cast<size_t>(written));
        if (bytes.empty())
            flow.pieces.pop_front();
        if (link.bytes_to_cut != no_cut && (link.bytes_to_cut -= written) == 0) {
            link.bytes_to_cut = no_cut;
            link.reset_all();
        }
    }
}

class Proxy {
public:
    explicit Proxy(const std::vector<std::string> &links) {
        for (const std::string &text : links) {
            const size_t equals = text.find('='), target = text.rfind(':');
            if (equals == std::string::npos || target == std::string::npos || target < equals)
                throw std::invalid_argument("usage: proxy NAME=[ADDRESS:]LISTEN_PORT:TARGET_PORT...");
            const std::string from = text.substr(equals + 1, target - equals - 1);
            const size_t colon = from.find(':');
            Link &link = links_[text.substr(0, equals)];
            link.listener = listen_at(colon == std::string::npos ? loopback(std::stoi(from))
                                                                 : loopback(std::stoi(from.substr(colon + 1)), from.substr(0, colon)));
            link.target_port = std::stoi(text.substr(target + 1));
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
            fail("poll");
        for (size_t i = 1; i < polled_.size(); i++)
            if (polled_[i].revents != 0)
                serve(waiting_[i], polled_[i].fd);
        const bool goes_on = polled_[0].revents == 0 || take_commands();
        for (auto &[name, link] : links_)
            forward(link);
        return goes_on;
    }

    void add(int descriptor, int events, Waiting waiting) {
        polled_.push_back({descriptor, static_cast<short>(events), 0});
        waiting_.push_back(waiting);
    }

    void wait_for(Link &link, Connection &connection, Clock::time_point &until) {
        if (connection.forgotten)
            return; // reads nothing, writes nothing, notices nothing
        const auto side = [&](int socket, const Flow &in, const Flow &out, bool silent) {
            int events = in.wants_to_read(link.held_bytes_max) ? POLLIN : 0;
            if (!silent && !out.pieces.empty()) {
                if (out.pieces.front().due <= Clock::now())
                    events |= POLLOUT;
                else
                    until = std::min(until, out.pieces.front().due);
            }
            if (events != 0)
                add(socket, events, {&link, &connection});
        };
        side(connection.client, connection.up, connection.down, link.silent_down);
        side(connection.target, connection.down, connection.up, link.silent_up);
    }

    void serve(const Waiting &waiting, int descriptor) {
        if (waiting.connection == nullptr)
            return accept_on(*waiting.link);
        Connection &connection = *waiting.connection;
        Flow &flow = descriptor == connection.client ? connection.up : connection.down;
        if (flow.wants_to_read(waiting.link->held_bytes_max))
            read_into(connection, flow, descriptor, *waiting.link);
    }

    void forward(Link &link) {
        for (Connection &connection : link.connections) {
            if (connection.forgotten)
                continue;
            if (!link.silent_up)
                write_out(connection, connection.up, connection.target, link);
            if (!link.silent_down)
                write_out(connection, connection.down, connection.client, link);
        }
        link.connections.remove_if([&](const Connection &connection) {
            if (connection.dead)
                reset(connection.client), reset(connection.target);
            else if (connection.finished())
                close(connection.client), close(connection.target);
            return connection.dead || connection.finished();
        });
    }

    bool take_commands() {
        char buffer[4096];
        const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
        if (size <= 0)
            return false;
        input_.append(buffer, static_cast<size_t>(size));
        for (size_t end; (end = input_.find('\n')) != std::string::npos; input_.erase(0, end + 1))
            answer(obey(input_.substr(0, end)));
        return true;
    }

    static void answer(bool obeyed) {
        std::puts(obeyed ? "ok" : "no such command");
        std::fflush(stdout);
    }

    bool obey(const std::string &line) {
        std::istringstream words(line);
        std::string name, command, argument;
        words >> name >> command >> argument;
        const auto found = links_.find(name);
        if (found == links_.end())
            return false;
        Link &link = found->second;
        const long number = std::atol(argument.c_str());
        if (command == "delay")
            link.delay = milliseconds(number);
        else if (command == "hold")
            link.held_bytes_max = static_cast<size_t>(number);
        else if (command == "cut")
            link.bytes_to_cut = std::max(1L, number);
        else if (command == "silence")
            link.silent_up = argument != "down", link.silent_down = argument != "up";
        else if (command == "reset")
            link.reset_all();
        else if (command == "forget")
            for (Connection &connection : link.connections)
                connection.forgotten = true;
        else if (command == "refuse")
            link.refuses = true;
        else if (command == "target")
            link.target_port = static_cast<int>(number);
        else if (command == "heal")
            link.delay = {}, link.bytes_to_cut = no_cut, link.silent_up = link.silent_down = link.refuses = false;
        else
            return false;
        return true;
    }

    std::map<std::string, Link> links_;
    std::vector<pollfd> polled_;
    std::vector<Waiting> waiting_;
    std::string input_;
};

} // namespace

int main(int argc, char **argv) {
    try {
        Proxy(std::vector<std::string>(argv + 1, argv + argc)).run();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "proxy: %s\n", error.what());
        return 1;
    }
}
