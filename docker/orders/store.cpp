#include "store.h"

#include "json.h"

#include <iostream>
#include <string_view>

namespace {

constexpr char options[] = "-c statement_timeout=5s -c idle_in_transaction_session_timeout=10s";

// Errors that neither the caller nor a bug causes: connection, read-only server, conflict, resources, the server's state, an operator's
// intervention, and a slot that is still missing.
bool is_passing(std::string_view sqlstate) {
    for (const std::string_view state_class : {"08", "25", "40", "53", "55", "57"})
        if (sqlstate.starts_with(state_class))
            return true;
    return sqlstate.empty() || sqlstate == "42704";
}

// Throws the exception that fits a failed statement.
[[noreturn]] void raise(const PGconn *connection, const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view state = sqlstate ? sqlstate : "";
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state.starts_with("23"))
        throw Refused(message ? message : "refused");
    if (!is_passing(state))
        throw std::runtime_error(PQerrorMessage(connection));
    std::cerr << "orders: " << PQerrorMessage(connection) << std::flush;
    throw Unavailable("the database cannot take orders now");
}

} // namespace

std::int64_t Store::place(const std::string &item) {
    begin();
    std::int64_t id;
    try {
        id = insert_and_emit(item);
    } catch (...) {
        if (connected())
            Result(PQexec(connection_.get(), "ROLLBACK"), PQclear);
        throw;
    }
    commit();
    return id;
}

std::vector<Order> Store::newest(int limit) {
    const Result rows = query_reconnecting("SELECT id, item, to_char(placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') "
                                           "FROM orders ORDER BY id DESC LIMIT $1",
                                           {std::to_string(limit)});
    std::vector<Order> orders;
    orders.reserve(PQntuples(rows.get()));
    for (int row = 0; row < PQntuples(rows.get()); ++row)
        orders.push_back({std::stoll(PQgetvalue(rows.get(), row, 0)), PQgetvalue(rows.get(), row, 1), PQgetvalue(rows.get(), row, 2)});
    return orders;
}

void Store::ping() { query_reconnecting("SELECT 1"); }

void Store::connect() {
    const char *const keywords[] = {"dbname",           "options", "client_encoding", "connect_timeout", "tcp_user_timeout",
                                    "application_name", nullptr};
    const char *const values[] = {conninfo_.c_str(), options, "UTF8", "3", "10000", "orders", nullptr};
    connection_.reset(PQconnectdbParams(keywords, values, /* dbname is a connection string */ 1));
    if (connected())
        return;
    std::cerr << "orders: " << PQerrorMessage(connection_.get()) << std::flush;
    throw Unavailable("no database");
}

void Store::begin() { query_reconnecting("BEGIN"); }

std::int64_t Store::insert_and_emit(const std::string &item) {
    const Result inserted = query("INSERT INTO orders (item) VALUES ($1) RETURNING id", {item});
    const std::string id = PQgetvalue(inserted.get(), 0, 0);
    query("SELECT outbox.emit('orders', $1::bigint, $2::text, 'order.created')", {id, order_json(std::stoll(id), item)});
    return std::stoll(id);
}

void Store::commit() {
    try {
        query("COMMIT");
    } catch (const Unavailable &) {
        if (connected())
            throw; // the server says that it did not commit
        throw Unavailable("the database went away during the commit: look whether the order is there");
    }
}

Store::Result Store::query(const char *sql, const std::vector<std::string> &parameters) {
    std::vector<const char *> values;
    values.reserve(parameters.size());
    for (const std::string &parameter : parameters)
        values.push_back(parameter.c_str());
    Result result(PQexecParams(connection_.get(), sql, static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0),
                  PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        raise(connection_.get(), result.get());
    return result;
}

// Runs the first statement of a piece of work. Only now the program sees that an idle connection broke, and nothing is lost yet.
Store::Result Store::query_reconnecting(const char *sql, const std::vector<std::string> &parameters) {
    if (connected()) {
        try {
            return query(sql, parameters);
        } catch (const Unavailable &) {
            if (connected())
                throw;
        }
    }
    connect();
    return query(sql, parameters);
}
