#include "postgres/connection.h"

#include "base/log.h"
#include "postgres/connect_error.h"
#include "postgres/conninfo.h"

#include <new>
#include <set>
#include <sstream>
#include <vector>

namespace outbox {
namespace {

std::string one_line(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    for (size_t at = 0; (at = text.find_first_of("\n\t", at)) != std::string::npos;)
        text.replace(at, 1, " ");
    return text;
}

std::string field(const PGresult *result, int code) {
    const char *value = PQresultErrorField(result, code);
    return value == nullptr ? std::string() : std::string(value);
}

std::string notice_text(const PGresult *notice) {
    std::string text = "PostgreSQL says: " + field(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (std::string detail = field(notice, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
        text += " (" + detail + ")";
    if (std::string hint = field(notice, PG_DIAG_MESSAGE_HINT); !hint.empty())
        text += " (" + hint + ")";
    return one_line(std::move(text));
}

bool is_warning(const PGresult *notice) { return field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING"; }

// Logs a notice of the server. A wrong synchronized_standby_slots after a failover, for example, shows nowhere else.
void log_notice(void *, const PGresult *notice) {
    spdlog::log(is_warning(notice) ? spdlog::level::warn : spdlog::level::debug, "{}", notice_text(notice));
}

void pass_notice_on(void *listener, const PGresult *notice) {
    (*static_cast<const NoticeListener *>(listener))(notice_text(notice), is_warning(notice));
}

// The parameters of every connection. The connection string overrides the defaults that stand before the string.
class Parameters {
public:
    // Login and password outlive the parameters.
    Parameters(const Login &login, const std::string &password) {
        add("keepalives_idle", "10");
        add("keepalives_interval", "5");
        add("keepalives_count", "3");
        add("tcp_user_timeout", "10000"); // bounds, too, a connection attempt without an answer
        add("connect_timeout", "10");     // for each host, where libpq itself waits
        if (!login.dsn.empty())
            add("dbname", login.dsn.c_str());
        if (!login.sslmode.empty())
            add("sslmode", login.sslmode.c_str());
        add("fallback_application_name", "outbox-relay");
        add("client_encoding", "UTF8");
        if (!password.empty())
            add("password", password.c_str());
        if (!password.empty() || !password_file_problem(login.dsn).empty())
            add("passfile", no_password_file);
    }

    void add(const char *keyword, const char *value) {
        keywords_[keywords_.size() - 1] = keyword;
        values_[values_.size() - 1] = value;
        keywords_.push_back(nullptr);
        values_.push_back(nullptr);
    }
    const char *const *keywords() const { return keywords_.data(); }
    const char *const *values() const { return values_.data(); }

private:
    std::vector<const char *> keywords_{nullptr}, values_{nullptr}; // each ends with a null
};

Connection checked(PGconn *connection) {
    if (connection == nullptr)
        throw std::bad_alloc();
    PQsetNoticeReceiver(connection, log_notice, nullptr);
    return Connection(connection);
}

} // namespace

Connection start_connection(const Login &login, const std::string &password, const std::vector<Host> &hosts, Purpose purpose) {
    Parameters parameters(login, password);
    std::string names = join_hosts(hosts, &Host::name), addresses = join_hosts(hosts, &Host::address),
                ports = join_hosts(hosts, &Host::port);
    parameters.add("host", names.c_str()); // libpq passes over empty elements
    parameters.add("hostaddr", addresses.c_str());
    parameters.add("port", ports.c_str());
    if (purpose == Purpose::replication)
        parameters.add("replication", "database");
    Connection connection = checked(PQconnectStartParams(parameters.keywords(), parameters.values(), 1));
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE); // the message then has the SQLSTATE
    return connection;
}

void send_notices_to(PGconn *connection, const NoticeListener &listener) {
    PQsetNoticeReceiver(connection, pass_notice_on, const_cast<NoticeListener *>(&listener));
}

std::string connect_error_of(const PGconn *connection, const Login &login) {
    auto text = [](const char *value) { return std::string(value == nullptr ? "" : value); };
    return explain_connect_error(PQerrorMessage(connection), {.user = text(PQuser(connection)),
                                                              .database = text(PQdb(connection)),
                                                              .names_database = names_database(login.dsn),
                                                              .chose_verify_full = !login.sslmode.empty()});
}

Host host_of(const PGconn *connection) {
    auto text = [](const char *value) { return std::string(value == nullptr ? "" : value); };
    return {text(PQhost(connection)), text(PQhostaddr(connection)), text(PQport(connection))};
}

Connection connect(const Login &login) {
    std::string password;
    try {
        password = ask_password(login);
    } catch (const PasswordMissing &missing) {
        throw Failure(ExitCode::unexpected, std::string("cannot connect to PostgreSQL: ") + missing.what());
    }
    if (std::string problem = password_file_problem(login.dsn); !problem.empty() && password.empty())
        spdlog::warn("{}", problem);
    Parameters parameters(login, password);
    Connection connection = checked(PQconnectdbParams(parameters.keywords(), parameters.values(), 1));
    if (PQstatus(connection.get()) != CONNECTION_OK)
        throw Failure(ExitCode::unexpected, "cannot connect to PostgreSQL: " + connect_error_of(connection.get(), login));
    return connection;
}

std::string quote_literal(const std::string &text) {
    std::string quoted = "'";
    for (char c : text)
        quoted += c == '\'' ? std::string("''") : std::string(1, c);
    return quoted + "'";
}

std::string error_of(const PGresult *result) {
    std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty())
        return one_line(PQresultErrorMessage(result));
    return one_line(message + " (SQLSTATE " + sqlstate_of(result) + ")");
}

// The message of libpq on one line, without the repetitions that come where libpq tries a host with TLS and without.
std::string error_of(const PGconn *connection) {
    std::istringstream lines(PQerrorMessage(connection));
    std::string text;
    std::set<std::string> said;
    for (std::string line; std::getline(lines, line);)
        if (said.insert(line).second)
            text += line + "\n";
    return one_line(std::move(text));
}

std::string sqlstate_of(const PGresult *result) { return field(result, PG_DIAG_SQLSTATE); }

} // namespace outbox
