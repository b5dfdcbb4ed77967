#include "config/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace outbox {
namespace {

constexpr size_t topic_bytes_max = 249; // Kafka's limit
constexpr size_t topics_max = 1000;     // the plugin's limit

// The parts of a list between the separators, at least one.
std::vector<std::string_view> split(std::string_view list, char separator) {
    std::vector<std::string_view> parts;
    for (size_t start = 0; start <= list.size();) {
        size_t end = std::min(list.find(separator, start), list.size());
        parts.push_back(list.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

bool is_label(std::string_view text) { // container names often have underscores
    return !text.empty() && text.size() <= 63 && text[0] != '-' &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return isalnum(c) || c == '-' || c == '_'; });
}

bool is_ipv4(std::string_view text) { // short forms, such as 127.1, count as well
    in_addr address;
    return text.find('.') != std::string_view::npos && inet_aton(std::string(text).c_str(), &address) != 0;
}

std::string check_broker(std::string_view text) {
    if (text.find("://") != std::string_view::npos)
        return "expected host:port,… without a scheme; TLS and SASL are properties: -X security.protocol=…";
    size_t colon = text.ends_with(']') ? std::string_view::npos : text.rfind(':');
    std::string_view host = text.substr(0, colon);
    if (!strip_brackets(host))
        return "expected host:port,… without blanks, an IPv6 address in brackets";
    if (colon != std::string_view::npos && !parse_port(text.substr(colon + 1)))
        return "expected host:port,… with ports from 1 to 65535";
    return "";
}

bool begins_topic(std::string_view text) {
    return text.size() <= topic_bytes_max && !text.starts_with("__") &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_topic(std::string_view text) { return begins_topic(text) && !text.empty() && text != "." && text != ".."; }

} // namespace

bool is_blank(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return isspace(c) || c < 0x20; });
}

std::string printable(std::string_view text) {
    std::string result(text.substr(0, 100));
    std::replace_if(
        result.begin(), result.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return result;
}

std::optional<int> parse_port(std::string_view text) {
    uint16_t port = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    bool is_port = error == std::errc() && end == text.data() + text.size() && port > 0;
    return is_port ? std::optional<int>(port) : std::nullopt;
}

bool is_address(std::string_view text) {
    std::string address(text.substr(0, text.find('%'))); // without %eth0, the zone of a link-local address
    unsigned char bytes[sizeof(in6_addr)];
    if (address.find(':') != std::string::npos)
        return inet_pton(AF_INET6, address.c_str(), bytes) == 1;
    return address.size() == text.size() && inet_pton(AF_INET, address.c_str(), bytes) == 1;
}

bool is_host(std::string_view text) {
    if (text.find(':') != std::string_view::npos)
        return is_address(text);
    if (text.find_first_not_of("0123456789.") == std::string_view::npos)
        return is_ipv4(text);
    if (text.ends_with('.'))
        text.remove_suffix(1);
    std::vector<std::string_view> labels = split(text, '.');
    return text.size() <= 253 && std::all_of(labels.begin(), labels.end(), is_label);
}

bool strip_brackets(std::string_view &host) {
    bool in_brackets = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
    if (in_brackets)
        host = host.substr(1, host.size() - 2);
    return is_host(host) && in_brackets == (host.find(':') != std::string_view::npos);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return {};
    std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
    uint16_t port = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!strip_brackets(host) || error != std::errc() || end != digits.data() + digits.size())
        return {};
    return Endpoint{std::string(host), port};
}

std::string check_brokers(const std::string &brokers) {
    for (std::string_view broker : split(brokers, ','))
        if (std::string reason = check_broker(broker); !reason.empty())
            return reason;
    return "";
}

std::string check_slot(const std::string &slot) {
    bool valid = !slot.empty() && slot.size() <= 63 &&
                 std::all_of(slot.begin(), slot.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
    return valid ? "" : "expected a slot name: 1 to 63 of a-z, 0-9 and _";
}

std::string check_topic(const std::string &topic) {
    return is_topic(topic) ? "" : R"(expected a topic's name: 1 to 249 of a-z, A-Z, 0-9, ".", "_" and "-", not beginning with "__")";
}

// Checks by the plugin's rule, which would refuse the relay's option only at the connection.
std::string check_topics(const std::string &topics) {
    auto fits = [](std::string_view name) { return name.ends_with('*') ? begins_topic(name.substr(0, name.size() - 1)) : is_topic(name); };
    std::vector<std::string_view> names = split(topics, ',');
    if (names.size() <= topics_max && std::all_of(names.begin(), names.end(), fits))
        return "";
    return R"(expected at most 1000 topic names separated by commas, each with an optional * at its end, none beginning with "__")";
}

// Checks the template with a topic of one character. Whether the whole name fits depends on each event's topic, which may have 249 bytes
// already.
std::string check_topic_template(const std::string &text) {
    constexpr std::string_view place = "{topic}";
    size_t at = text.find(place);
    std::string example = at == std::string::npos ? "" : text.substr(0, at) + "x" + text.substr(at + place.size());
    return is_topic(example) ? ""
                             : R"(expected a topic's name with {topic} once in it, such as outbox.event.{topic}, not beginning with "__")";
}

std::string check_topic_prefix(const std::string &text) {
    return is_topic(text + "x") ? "" : R"(expected the beginning of a topic's name, of a-z, A-Z, 0-9, ".", "_" and "-", other than "__")";
}

// Checks the characters of a URI only.
std::string check_uri(const std::string &text) {
    constexpr size_t uri_max = 1000;
    auto is_hex = [&](size_t at) { return at < text.size() && isxdigit(static_cast<unsigned char>(text[at])) != 0; };
    bool valid = !text.empty() && text.size() <= uri_max;
    for (size_t i = 0; valid && i < text.size(); i++) {
        auto byte = static_cast<unsigned char>(text[i]);
        bool is_allowed = isalnum(byte) != 0 || std::string_view("-._~:/?#[]@!$&'()*+,;=").find(text[i]) != std::string_view::npos;
        valid = text[i] == '%' ? is_hex(i + 1) && is_hex(i + 2) : byte < 0x80 && is_allowed;
    }
    return valid ? "" : "expected a URI, at most 1000 characters, such as /shop/orders or https://shop.example/orders; others as %20";
}

std::string check_id(const std::string &id) {
    constexpr std::string_view shape = "00000000-0000-0000-0000-000000000000";
    bool valid = id.size() == shape.size();
    for (size_t i = 0; valid && i < id.size(); i++)
        valid = shape[i] == '-' ? id[i] == '-' : isdigit(static_cast<unsigned char>(id[i])) || (id[i] >= 'a' && id[i] <= 'f');
    return valid ? "" : "expected an event's id, as emit() returned it: a UUID in lower case";
}

bool is_same_topic(std::string_view one, std::string_view other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return (a == '.' ? '_' : a) == (b == '.' ? '_' : b); });
}

bool is_service_link(std::string_view variable, std::string_view value) {
    size_t port = variable.find("_PORT_"); // such as …_PORT_8090_TCP_ADDR
    bool has_number = port != std::string_view::npos && variable.find_first_of("0123456789", port) == port + 6;
    return variable.ends_with("_SERVICE_HOST") || variable.find("_SERVICE_PORT") != std::string_view::npos || has_number ||
           (variable.ends_with("_PORT") && value.find("://") != std::string_view::npos);
}

} // namespace outbox
