// PostgreSQL's connection string: the checks that need no connection. No function returns a password or looks up a name. Tested by
// test/unit/dsn_test.cpp.
#pragma once

#include <string>

namespace outbox {

// Why the text is neither a connection string nor a URI nor a database's name, on one line; empty: it is one of them.
std::string check_dsn(const std::string &dsn);

// Why no server can ever be reached with the string and libpq's variables, on one line; empty: one may be.
std::string check_connection(const std::string &dsn);

// Describes the connection for people: database "app" at db:5432 as "outbox_relay".
std::string describe_source(const std::string &dsn);

bool has_password(const std::string &dsn);

// The string with "***" for each secret.
std::string without_secrets(const std::string &dsn);

} // namespace outbox
