// How the relay connects to PostgreSQL, for streaming and for setup alike.
#pragma once

#include "exit_code.h"

#include <libpq-fe.h>

#include <memory>
#include <string>

namespace outbox {

struct ConnectionFinish {
    void operator()(PGconn *connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, ConnectionFinish>;

struct ResultClear {
    void operator()(PGresult *result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultClear>;

// Begins to connect for replication; the caller polls (PQconnectPoll). `dsn` is a libpq connection string or URI, or empty: libpq's own
// variables. A dead peer is noticed within half a minute unless the string says otherwise. Throws std::bad_alloc only.
Connection start_connection(const std::string &dsn);

// Connects for SQL and waits for it. Throws Failure.
Connection connect(const std::string &dsn);

// For SQL and for the replication protocol; the text has no backslashes, or the server standard_conforming_strings.
std::string quote_literal(const std::string &text);

// The server's primary message with its SQLSTATE, or libpq's words: on one line, without what the statement was about.
std::string error_of(const PGresult *result);
std::string error_of(const PGconn *connection);
std::string sqlstate_of(const PGresult *result);

} // namespace outbox
