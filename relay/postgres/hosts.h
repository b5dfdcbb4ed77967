// The hosts that a connection string names, and the order in which to try them. Pure: no libpq, no look-up, no clock. Tested by
// test/unit/hosts_test.cpp.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// One element of libpq's lists: a name for certificates and passwords, an address to connect to, a port. An empty value is libpq's default.
struct Host {
    std::string name;    // or the folder of a Unix socket
    std::string address; // numeric
    std::string port;
    bool operator==(const Host &) const = default;
};

// Splits libpq's `host`, `hostaddr` and `port`. nullopt where the numbers of their elements do not fit together.
std::optional<std::vector<Host>> split_hosts(std::string_view names, std::string_view addresses, std::string_view ports);

// One value of each host, with commas between, as libpq reads a list.
std::string join_hosts(const std::vector<Host> &hosts, std::string Host::*part);

// True where the host has a name without an address.
bool needs_lookup(const Host &host);

// True for a Unix socket or a loopback address: bytes that are sent there never leave the machine. No name is looked up.
bool is_local(const Host &host);

std::string name_of(const Host &host); // for the log

// libpq tries the hosts in their order, and takes the first one that lets the relay in. Where that host is of no use after all, because it
// is silent or a standby, the other hosts get their turn first, until a stream runs again.
class HostTurns {
public:
    // The host as libpq names the host of a connection, or as the connection string does.
    void failed(const Host &host) {
        std::erase(last_, identity(host));
        last_.push_back(identity(host));
    }
    void succeeded() { last_.clear(); }

    void arrange(std::vector<Host> &hosts) const {
        auto rank = [this](const Host &host) { // 0: the host has not failed
            auto found = std::find(last_.begin(), last_.end(), identity(host));
            return found == last_.end() ? 0 : found - last_.begin() + 1;
        };
        std::stable_sort(hosts.begin(), hosts.end(), [&](const Host &a, const Host &b) { return rank(a) < rank(b); });
    }

private:
    // The host in one form: libpq gives the name where there is no address, the address where there is no name, and its default port.
    static Host identity(const Host &host) {
        return {host.name.empty() ? host.address : host.name, host.address.empty() ? host.name : host.address,
                host.port.empty() ? "5432" : host.port};
    }

    std::vector<Host> last_; // the host that failed longest ago comes first
};

} // namespace outbox
