#include "connection.h"

#include "log.h"

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

// After a failover a wrong synchronized_standby_slots, for example, shows nowhere else.
void log_notice(void *, const PGresult *notice) {
    std::string text = "PostgreSQL says: " + field(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (std::string detail = field(notice, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
        text += " (" + detail + ")";
    if (std::string hint = field(notice, PG_DIAG_MESSAGE_HINT); !hint.empty())
        text += " (" + hint + ")";
    bool warning = field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING";
    spdlog::log(warning ? spdlog::level::warn : spdlog::level::debug, "{}", one_line(std::move(text)));
}

// What every connection asks for. The connection string overrides the defaults before it.
class Parameters {
public:
    explicit Parameters(const std::string &dsn) {
        add("keepalives_idle", "10");
        add("keepalives_interval", "5");
        add("keepalives_count", "3");
        add("tcp_user_timeout", "10000"); // also of a connection that is not answered
        add("connect_timeout", "10");     // each host's, where libpq itself waits
        if (!dsn.empty())
            add("dbname", dsn.c_str());
        add("fallback_application_name", "outbox-relay");
        add("client_encoding", "UTF8");
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
    std::vector<const char *> keywords_{nullptr}, values_{nullptr}; // ended by a null
};

Connection checked(PGconn *connection) {
    if (connection == nullptr)
        throw std::bad_alloc();
    PQsetNoticeReceiver(connection, log_notice, nullptr);
    return Connection(connection);
}

} // namespace

Connection start_connection(const std::string &dsn) {
    Parameters parameters(dsn);
    parameters.add("replication", "database");
    return checked(PQconnectStartParams(parameters.keywords(), parameters.values(), 1));
}

Connection connect(const std::string &dsn) {
    Parameters parameters(dsn);
    Connection connection = checked(PQconnectdbParams(parameters.keywords(), parameters.values(), 1));
    if (PQstatus(connection.get()) != CONNECTION_OK)
        throw Failure(ExitCode::unexpected, "cannot connect to PostgreSQL: " + error_of(connection.get()));
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

// libpq tries a host with TLS and without, and says for each of the two what may be the same.
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
