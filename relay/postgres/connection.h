// Connects to PostgreSQL, for streaming and for setup alike.
#pragma once

#include "base/destroy.h"
#include "base/exit_code.h"
#include "core/upstream.h"
#include "postgres/hosts.h"
#include "postgres/login.h"

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox {

using Connection = std::unique_ptr<PGconn, Destroy<PQfinish>>;

using Result = std::unique_ptr<PGresult, Destroy<PQclear>>;

// A password file that is never there: libpq takes no password from the file, and prints no warning about it.
constexpr const char *no_password_file = "/dev/null/none";

// The purpose of a connection: `replication` streams or looks at the server as a walsender's client, `sql` runs queries.
enum class Purpose { replication, sql };

// Begins to connect; the caller polls (PQconnectPoll). With an empty password libpq looks for one. `hosts`, where given, stand for the
// hosts of the connection string. A dead peer is noticed within half a minute unless the string says otherwise. Does not wait, unless a
// host is a name without its address. Throws std::bad_alloc only.
Connection start_connection(const Login &login, const std::string &password, const std::vector<Host> &hosts,
                            Purpose purpose = Purpose::replication);

// From now on the connection's notices go to the listener, which outlives the connection, instead of the log.
void send_notices_to(PGconn *connection, const NoticeListener &listener);

// The host that the connection is to, or that libpq tries at the moment.
Host host_of(const PGconn *connection);

// Why the connection did not come about, on one line.
std::string connect_error_of(const PGconn *connection, const Login &login);

// Connects for SQL and waits for the connection. Throws Failure.
Connection connect(const Login &login);

// A literal for SQL and for the replication protocol. The text has no backslashes, or the server has standard_conforming_strings on.
std::string quote_literal(const std::string &text);

// The server's primary message with its SQLSTATE, or libpq's message: on one line, without the statement and its values.
std::string error_of(const PGresult *result);
std::string error_of(const PGconn *connection);
std::string sqlstate_of(const PGresult *result);

} // namespace outbox
