#include "postgres/hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace outbox {
namespace {

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    for (size_t start = 0; start <= text.size();) {
        size_t end = std::min(text.find(',', start), text.size());
        parts.emplace_back(text.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

bool is_numeric(const std::string &address) {
    std::string without_zone = address.substr(0, address.find('%'));
    unsigned char bytes[16];
    return inet_pton(AF_INET, address.c_str(), bytes) == 1 || inet_pton(AF_INET6, without_zone.c_str(), bytes) == 1;
}

} // namespace

std::optional<std::vector<Host>> split_hosts(std::string_view names, std::string_view addresses, std::string_view ports) {
    std::vector<std::string> name = split(names), address = split(addresses), port = split(ports);
    size_t count = addresses.empty() ? name.size() : address.size();
    if ((!names.empty() && name.size() != count) || (port.size() != 1 && port.size() != count))
        return std::nullopt;
    std::vector<Host> hosts(count);
    for (size_t i = 0; i < count; i++)
        hosts[i] = {names.empty() ? "" : name[i], addresses.empty() ? "" : address[i], port[port.size() == 1 ? 0 : i]};
    return hosts;
}

std::string join_hosts(const std::vector<Host> &hosts, std::string Host::*part) {
    std::string text;
    for (const Host &host : hosts)
        text += (&host == hosts.data() ? "" : ",") + host.*part;
    return text;
}

bool needs_lookup(const Host &host) {
    return host.address.empty() && !host.name.empty() && host.name[0] != '/' && host.name[0] != '@' && !is_numeric(host.name);
}

bool is_local(const Host &host) {
    const std::string &place = host.address.empty() ? host.name : host.address;
    if (place.empty() || place[0] == '/' || place[0] == '@' || place == "localhost" || place.ends_with(".localhost"))
        return true;
    in_addr four;
    in6_addr six;
    if (inet_pton(AF_INET, place.c_str(), &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, place.c_str(), &six) != 1)
        return false;
    bool is_mapped = IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&six) || is_mapped;
}

std::string name_of(const Host &host) {
    std::string name = host.name.empty() ? host.address : host.name;
    if (name.empty())
        return "the default socket";
    std::string address = host.address.empty() || host.address == name ? "" : " (" + host.address + ")";
    return "\"" + name + "\"" + address + (host.port.empty() ? "" : ", port " + host.port);
}

} // namespace outbox
