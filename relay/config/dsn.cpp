#include "config/dsn.h"

#include "base/destroy.h"
#include "config/values.h"
#include "watch/endpoint.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <vector>

namespace outbox {
namespace {

constexpr size_t name_bytes_max = 63; // NAMEDATALEN - 1
constexpr const char *expected =
    "expected a libpq connection string (host=db dbname=app user=…), a URI (postgresql://…) or a database's name";
constexpr const char *encode = "; in a URI a password's /, @, : and % must be percent-encoded";

using ConninfoOptions = std::unique_ptr<PQconninfoOption, Destroy<PQconninfoFree>>;

using Settings = std::map<std::string, std::string>; // by libpq's keyword, without blank values

bool is_name_only(const std::string &dsn) { return dsn.find('=') == std::string::npos && dsn.find("://") == std::string::npos; }

// Null where libpq cannot parse the string; `reason` then has libpq's words.
ConninfoOptions parse(const std::string &dsn, std::string *reason = nullptr) {
    char *words = nullptr;
    ConninfoOptions options(PQconninfoParse(dsn.c_str(), &words));
    if (reason != nullptr)
        *reason = words == nullptr ? "" : words;
    PQfreemem(words);
    return options;
}

void take(Settings &settings, const PQconninfoOption *options) {
    for (const PQconninfoOption *option = options; option != nullptr && option->keyword != nullptr; option++)
        if (option->val != nullptr && *option->val != '\0')
            settings[option->keyword] = option->val;
}

Settings own_settings(const std::string &dsn) {
    Settings settings;
    if (!dsn.empty() && is_name_only(dsn))
        settings["dbname"] = dsn;
    else
        take(settings, parse(dsn).get());
    return settings;
}

// The settings with libpq's variables and defaults. A service that the string names is not looked up.
Settings effective_settings(const std::string &dsn) {
    Settings settings;
    take(settings, ConninfoOptions(PQconndefaults()).get());
    for (auto &[keyword, value] : own_settings(dsn))
        settings[keyword] = value;
    return settings;
}

std::string value_of(const Settings &settings, const char *keyword) {
    auto found = settings.find(keyword);
    return found == settings.end() ? "" : found->second;
}

std::vector<std::string> split(const std::string &list) {
    std::vector<std::string> items;
    for (size_t start = 0; start <= list.size();) {
        size_t end = std::min(list.find(',', start), list.size());
        items.push_back(list.substr(start, end - start));
        start = end + 1;
    }
    return items;
}

// The ports, without the blanks that libpq passes over.
std::vector<std::string> ports_of(const Settings &settings) {
    std::vector<std::string> ports = split(value_of(settings, "port"));
    for (std::string &port : ports) {
        port.erase(0, port.find_first_not_of(' '));
        port.erase(port.find_last_not_of(' ') + 1);
    }
    return ports;
}

bool is_directory(const std::string &host) { return host.starts_with('/') || host.starts_with('@'); } // of a socket

// The value in quotes, as libpq reads a value with blanks.
std::string quoted(const std::string &value) {
    std::string text = "'";
    for (char c : value)
        text += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return text + "'";
}

bool has_control(const std::string &text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// Checks the names of database and user. In a URI a password that is not encoded ends up in the names behind it, so the message repeats no
// value.
std::string check_names(const Settings &settings, bool is_uri) {
    for (const char *keyword : {"dbname", "user"}) {
        std::string name = value_of(settings, keyword);
        if (name.size() > name_bytes_max || has_control(name) || (!name.empty() && is_blank(name)))
            return fmt::format("{}: expected a name of 1 to 63 bytes on one line", keyword);
    }
    if (is_uri && value_of(settings, "dbname").find_first_of("@/") != std::string::npos)
        return std::string("dbname: expected a database's name") + encode;
    return "";
}

// Checks hosts, addresses and ports: lists of one length, or a single port.
std::string check_hosts(const Settings &settings, bool is_uri) {
    std::string host = value_of(settings, "host"), address = value_of(settings, "hostaddr"), hint = is_uri ? encode : "";
    std::vector<std::string> hosts = split(host), addresses = split(address), ports = ports_of(settings);
    auto may_be = [](const std::string &each) { return each.empty() || (!has_control(each) && (is_directory(each) || is_host(each))); };
    if (!std::all_of(hosts.begin(), hosts.end(), may_be))
        return "host: expected a host's name, an address or a socket's directory" + hint;
    if (!std::all_of(addresses.begin(), addresses.end(), [](const std::string &each) { return each.empty() || is_address(each); }))
        return "hostaddr: expected an address";
    if (!std::all_of(ports.begin(), ports.end(), [](const std::string &each) { return each.empty() || parse_port(each); }))
        return "port: expected a number from 1 to 65535" + hint;
    size_t servers = address.empty() ? hosts.size() : addresses.size();
    if (!address.empty() && !host.empty() && hosts.size() != addresses.size())
        return fmt::format("{} in host do not fit {} in hostaddr", hosts.size(), addresses.size());
    if (ports.size() != 1 && ports.size() != servers)
        return fmt::format("{} in port do not fit {} in host", ports.size(), servers);
    return "";
}

// Checks the numbers that libpq would look at when it is connected, or pass over.
std::string check_numbers(const Settings &settings) {
    for (const char *keyword :
         {"connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}) {
        std::string text = value_of(settings, keyword);
        int number = 0;
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (!text.empty() && (error != std::errc() || end != text.data() + text.size()))
            return fmt::format("{}: expected a number", keyword);
    }
    return "";
}

// Checks the rest by libpq, which judges it only when it connects: to a port of this machine where nobody listens, so that libpq gives up
// at once.
std::string check_by_libpq(const std::string &dsn) {
    Settings settings = own_settings(dsn);
    settings["host"] = "localhost";
    settings["hostaddr"] = "127.0.0.1";
    settings["port"] = "1";
    settings["password"] = "none"; // libpq then reads no password file
    std::vector<const char *> keywords, values;
    for (const auto &[keyword, value] : settings) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    std::unique_ptr<PGconn, Destroy<PQfinish>> connection(PQconnectStartParams(keywords.data(), values.data(), 0));
    std::string words = PQstatus(connection.get()) == CONNECTION_BAD ? PQerrorMessage(connection.get()) : "";
    return words.starts_with("connection to server") ? "" : words.substr(0, words.find('\n'));
}

std::string describe_servers(const Settings &settings) {
    std::vector<std::string> hosts = split(value_of(settings, settings.contains("host") ? "host" : "hostaddr"));
    std::vector<std::string> ports = ports_of(settings);
    std::string text;
    for (size_t i = 0; i < hosts.size(); i++) {
        const std::string &port = ports[ports.size() == 1 ? 0 : i];
        int number = port.empty() ? 5432 : parse_port(port).value_or(0);
        std::string server = hosts[i].empty() ? "the local socket" : hosts[i];
        bool is_name = !hosts[i].empty() && !is_directory(hosts[i]);
        text += (i == 0 ? "" : ",") + (is_name ? text_of({hosts[i], number}) : fmt::format("{}, port {}", server, number));
    }
    return text;
}

} // namespace

// Checks a connection string. libpq's own words could repeat a part of a password, so only those about an option's name are passed on.
std::string check_dsn(const std::string &dsn) {
    if (is_name_only(dsn))
        return dsn.size() > name_bytes_max || has_control(dsn) || dsn.find_first_of(" :/@,") != std::string::npos ? expected : "";
    std::string words;
    if (parse(dsn, &words)) {
        bool is_uri = dsn.find("://") < dsn.find('=');
        std::string reason = check_names(own_settings(dsn), is_uri);
        return reason.empty() ? check_hosts(own_settings(dsn), is_uri) : reason;
    }
    bool about_name = words.starts_with("invalid connection option") || words.starts_with("invalid URI query parameter");
    return expected + (about_name ? ": " + words.substr(0, words.find('\n')) : "");
}

std::string check_connection(const std::string &dsn) {
    Settings settings = effective_settings(dsn);
    std::string reason = check_hosts(settings, false);
    if (reason.empty())
        reason = check_numbers(settings);
    return reason.empty() ? check_by_libpq(dsn) : reason;
}

std::string describe_source(const std::string &dsn) {
    Settings settings = effective_settings(dsn);
    if (std::string service = value_of(own_settings(dsn), "service"); !service.empty())
        return fmt::format("service \"{}\"", printable(service));
    std::string user = value_of(settings, "user"), database = value_of(settings, "dbname");
    std::string remark = database.empty() ? " (the user's name, because no database is named)" : "";
    return fmt::format("database \"{}\"{} at {} as \"{}\"", printable(database.empty() ? user : database), remark,
                       describe_servers(settings), printable(user));
}

bool has_password(const std::string &dsn) { return own_settings(dsn).contains("password"); }

// The string with "***" for each secret. libpq marks its secrets by the way in which a form would show them.
std::string without_secrets(const std::string &dsn) {
    if (is_name_only(dsn))
        return dsn;
    ConninfoOptions options = parse(dsn);
    std::string text;
    for (const PQconninfoOption *option = options.get(); option != nullptr && option->keyword != nullptr; option++) {
        if (option->val == nullptr)
            continue;
        std::string value = option->dispchar != nullptr && *option->dispchar == '*' ? "***" : option->val;
        bool is_plain = !value.empty() && value.find_first_of(" '\\") == std::string::npos;
        text += (text.empty() ? "" : " ") + std::string(option->keyword) + "=" + (is_plain ? value : outbox::quoted(value));
    }
    return text;
}

} // namespace outbox
