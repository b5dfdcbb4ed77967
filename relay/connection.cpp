#include "connection.h"

#include "log.h"

#include <poll.h>

#include <new>
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

} // namespace

Connection start_connection(const std::string &dsn, ConnectionKind kind) {
    std::vector<const char *> keywords, values;
    auto add = [&](const char *keyword, const char *value) {
        keywords.push_back(keyword);
        values.push_back(value);
    };
    // The connection string overrides what comes before it.
    add("keepalives_idle", "10");
    add("keepalives_interval", "5");
    add("keepalives_count", "3");
    add("tcp_user_timeout", "10000"); // also of a connection that is not answered
    if (!dsn.empty())
        add("dbname", dsn.c_str());
    add("fallback_application_name", "outbox-relay");
    add("client_encoding", "UTF8");
    if (kind == ConnectionKind::replication)
        add("replication", "database");
    add(nullptr, nullptr);

    Connection connection(PQconnectStartParams(keywords.data(), values.data(), 1));
    if (!connection)
        throw std::bad_alloc();
    PQsetNoticeReceiver(connection.get(), log_notice, nullptr);
    return connection;
}

Connection connect(const std::string &dsn, ConnectionKind kind) {
    Connection connection = start_connection(dsn, kind);
    if (PQstatus(connection.get()) != CONNECTION_BAD) {
        PostgresPollingStatusType status = PGRES_POLLING_WRITING;
        while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
            pollfd descriptor = {PQsocket(connection.get()), static_cast<short>(status == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
            poll(&descriptor, 1, 1000);
            status = PQconnectPoll(connection.get());
        }
    }
    if (PQstatus(connection.get()) != CONNECTION_OK)
        throw Failure(ExitCode::unexpected, "cannot connect to PostgreSQL: " + error_of(connection.get()));
    return connection;
}

std::string error_of(const PGresult *result) {
    std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty())
        return one_line(PQresultErrorMessage(result));
    return one_line(message + " (SQLSTATE " + sqlstate_of(result) + ")");
}

std::string error_of(const PGconn *connection) { return one_line(PQerrorMessage(connection)); }

std::string sqlstate_of(const PGresult *result) { return field(result, PG_DIAG_SQLSTATE); }

} // namespace outbox
