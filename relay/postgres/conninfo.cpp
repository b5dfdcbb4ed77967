#include "postgres/conninfo.h"

#include "base/destroy.h"
#include "postgres/connection.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace outbox {
namespace {

using Options = std::unique_ptr<PQconninfoOption, Destroy<PQconninfoFree>>;

// libpq's reading of a connection string. libpq shows the reading of a connection only, and a connection with an impossible parameter ends
// before libpq looks up a name.
Options evaluate(const std::string &dsn, const char *impossible_keyword, const std::string &impossible_value, const char *keyword = nullptr,
                 const char *value = nullptr) {
    const char *const keywords[] = {"dbname", impossible_keyword, keyword, nullptr};
    const char *const values[] = {dsn.c_str(), impossible_value.c_str(), value, nullptr};
    Connection connection(PQconnectStartParams(keywords, values, 1));
    return Options(connection ? PQconninfo(connection.get()) : nullptr);
}

std::string value_of(const Options &options, const char *keyword) {
    for (const PQconninfoOption *option = options.get(); option != nullptr && option->keyword != nullptr; option++)
        if (strcmp(option->keyword, keyword) == 0)
            return option->val == nullptr ? "" : option->val;
    return "";
}

} // namespace

std::vector<Host> hosts_of(const std::string &dsn) {
    Options options = evaluate(dsn, "sslmode", "impossible", "passfile", no_password_file);
    return split_hosts(value_of(options, "host"), value_of(options, "hostaddr"), value_of(options, "port")).value_or(std::vector<Host>{});
}

// libpq does not say whether a value is its default. Where another default in PGSSLMODE changes the value, nobody has named the value.
TlsMode tls_mode_of(const std::string &dsn) {
    std::string many_ports = "1" + std::string(198, ',');
    auto sslmode = [&] { return value_of(evaluate(dsn, "port", many_ports, "passfile", no_password_file), "sslmode"); };
    TlsMode mode;
    mode.sslmode = sslmode();
    for (const Host &host : hosts_of(dsn))
        mode.is_local = mode.is_local && is_local(host);
    const char *variable = getenv("PGSSLMODE");
    mode.is_named = variable != nullptr && *variable != '\0';
    if (mode.is_named)
        return mode;
    setenv("PGSSLMODE", "verify-ca", 1);
    mode.is_named = sslmode() != "verify-ca";
    unsetenv("PGSSLMODE");
    return mode;
}

bool names_database(const std::string &dsn) {
    if (getenv("PGDATABASE") != nullptr || getenv("PGSERVICE") != nullptr)
        return true;
    if (dsn.find('=') == std::string::npos && dsn.find("://") == std::string::npos)
        return !dsn.empty(); // a plain database name
    Options options(PQconninfoParse(dsn.c_str(), nullptr));
    return !value_of(options, "dbname").empty() || !value_of(options, "service").empty();
}

std::string ssl_mode(const std::string &dsn) {
    std::string many_ports = "1" + std::string(198, ','); // more ports than hosts: libpq ends before it looks up a name
    return value_of(evaluate(dsn, "port", many_ports, "passfile", no_password_file), "sslmode");
}

// Checks the password file by libpq's own rules. Without a path libpq takes the file in the home folder.
std::string password_file_problem(const std::string &dsn) {
    std::string many_ports = "1" + std::string(198, ','); // more ports than hosts: libpq ends before it looks into the file
    std::string file = value_of(evaluate(dsn, "port", many_ports), "passfile");
    if (file.empty()) {
        const char *home = getenv("HOME");
        const passwd *user = home == nullptr || *home == '\0' ? getpwuid(geteuid()) : nullptr;
        file = std::string(user != nullptr ? user->pw_dir : home == nullptr ? "" : home) + "/.pgpass";
    }
    struct stat found;
    if (stat(file.c_str(), &found) != 0)
        return "";
    if (!S_ISREG(found.st_mode))
        return "password file \"" + file + "\" is no plain file and is not read";
    if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "password file \"" + file + "\" is readable by others and is not read; its mode must be 0600 or less";
    return "";
}

std::string public_conninfo(const std::string &dsn) {
    Options options = evaluate(dsn, "sslmode", "impossible", "passfile", no_password_file);
    std::string text;
    for (const char *keyword : {"service", "host", "hostaddr", "port", "dbname"}) {
        std::string value = value_of(options, keyword), quoted;
        if (value.empty() || (keyword == std::string_view("port") && value == "5432"))
            continue;
        bool is_plain = value.find_first_of(" '\\") == std::string::npos;
        for (char c : value)
            quoted += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        text += (text.empty() ? "" : " ") + std::string(keyword) + "=" + (is_plain ? value : "'" + quoted + "'");
    }
    return text;
}

} // namespace outbox
