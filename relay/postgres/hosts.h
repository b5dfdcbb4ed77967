// The hosts that a connection string names, and which of them is tried first. Pure: no libpq, no look-up, no clock.
// Tested by test/unit/hosts_test.cpp.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// One of libpq's lists' elements: a name for certificates and passwords, an address to connect to, a port. Each may be empty: libpq's own.
struct Host {
    std::string name;    // or the folder of a Unix socket
    std::string address; // numeric
    std::string port;
    bool operator==(const Host &) const = default;
};

// Splits libpq's `host`, `hostaddr` and `port`. Nothing where their numbers of elements do not fit together.
std::optional<std::vector<Host>> split_hosts(std::string_view names, std::string_view addresses, std::string_view ports);

// As libpq takes them: `part` of each with commas between.
std::string join_hosts(const std::vector<Host> &hosts, std::string Host::*part);

// Is there a name in it that has to be looked up?
bool needs_lookup(const Host &host);

// A socket, or a loopback address: what is sent there never leaves the machine. A name is not looked up.
bool is_local(const Host &host);

std::string name_of(const Host &host); // for the log

// libpq tries the hosts in their order, and takes the first one that lets it in. Where that one is no good after all, because it is silent
// or a standby, the others get their turn first, until a stream runs again.
class HostTurns {
public:
    // As libpq names the host of a connection, or as the connection string does.
    void failed(const Host &host) {
        std::erase(last_, identity(host));
        last_.push_back(identity(host));
    }
    void succeeded() { last_.clear(); }

    void arrange(std::vector<Host> &hosts) const {
        auto rank = [this](const Host &host) { // 0: as good as any
            auto found = std::find(last_.begin(), last_.end(), identity(host));
            return found == last_.end() ? 0 : found - last_.begin() + 1;
        };
        std::stable_sort(hosts.begin(), hosts.end(), [&](const Host &a, const Host &b) { return rank(a) < rank(b); });
    }

private:
    // libpq gives the name where there is no address, and the other way round, and its default port.
    static Host identity(const Host &host) {
        return {host.name.empty() ? host.address : host.name, host.address.empty() ? host.name : host.address,
                host.port.empty() ? "5432" : host.port};
    }

    std::vector<Host> last_; // who failed longest ago comes first
};

} // namespace outbox
