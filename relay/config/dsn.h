// PostgreSQL's connection string: what can be known of it without connecting. Says no password, and looks up no name.
// Tested by test/unit/dsn_test.cpp.
#pragma once

#include <string>

namespace outbox {

// Why it is neither a connection string nor a URI nor a database's name, in one line; empty where it is one of them.
std::string check_dsn(const std::string &dsn);

// Why no server can ever be reached with it and with what it leaves to libpq's variables and service file; empty where one may be.
std::string check_connection(const std::string &dsn);

// For people: database "app" at db:5432 as "outbox_relay".
std::string describe_source(const std::string &dsn);

bool has_password(const std::string &dsn);

// The same, with "***" for each secret in it.
std::string without_secrets(const std::string &dsn);

} // namespace outbox
