// How the relay connects to PostgreSQL, for streaming and for setup alike.
#pragma once

#include "base/exit_code.h"
#include "core/upstream.h"
#include "postgres/hosts.h"
#include "postgres/login.h"

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox {

struct ConnectionFinish {
    void operator()(PGconn *connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, ConnectionFinish>;

struct ResultClear {
    void operator()(PGresult *result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultClear>;

// A file that is never there: libpq looks for no password in it, and says nothing about it.
constexpr const char *no_password_file = "/dev/null/none";

// What a connection is for: `replication` streams or looks at the server as a walsender, `sql` asks questions.
enum class Purpose { replication, sql };

// Begins to connect; the caller polls (PQconnectPoll). An empty password is for libpq to find. Where hosts are given they stand for those
// of the string. A dead peer is noticed within half a minute unless the string says otherwise. Does not wait, unless a host is a name
// without its address. Throws std::bad_alloc only.
Connection start_connection(const Login &login, const std::string &password, const std::vector<Host> &hosts,
                            Purpose purpose = Purpose::replication);

// From now on notices of the connection go to the listener, which outlives it, instead of the log.
void send_notices_to(PGconn *connection, const NoticeListener &listener);

// The one that the connection is to, or tries.
Host host_of(const PGconn *connection);

// Why it did not come about, in a line.
std::string connect_error_of(const PGconn *connection, const Login &login);

// Connects for SQL and waits for it. Throws Failure.
Connection connect(const Login &login);

// For SQL and for the replication protocol; the text has no backslashes, or the server standard_conforming_strings.
std::string quote_literal(const std::string &text);

// The server's primary message with its SQLSTATE, or libpq's words: on one line, without what the statement was about.
std::string error_of(const PGresult *result);
std::string error_of(const PGconn *connection);
std::string sqlstate_of(const PGresult *result);

} // namespace outbox
