// libpq's reading of a connection string, with libpq's own variables, service files and defaults, and without a look-up or a connection.
// Tested by test/unit/conninfo_test.cpp.
#pragma once

#include "postgres/hosts.h"

#include <string>

namespace outbox {

// The hosts that libpq would try. Empty where libpq refuses the string: an attempt to connect then says why.
std::vector<Host> hosts_of(const std::string &dsn);

// True where the string, PGDATABASE or a service names a database. Otherwise libpq takes the user's name.
bool names_database(const std::string &dsn);

// The use of TLS that the string, libpq's variables or a service file ask for.
struct TlsMode {
    std::string sslmode;   // the sslmode in force; libpq's default, where nobody names one
    bool is_named = false; // somebody names an sslmode
    bool is_local = true;  // no host of the string is another machine
};

// Sets and resets PGSSLMODE: only for a process that has no other thread yet.
TlsMode tls_mode_of(const std::string &dsn);

// Why libpq takes no password from its password file, which libpq itself would print on standard error. Empty: there is no reason.
std::string password_file_problem(const std::string &dsn);

// The sslmode in force.
std::string ssl_mode(const std::string &dsn);

// The server and the database as a connection string that anybody may see: no user, no password, no files.
std::string public_conninfo(const std::string &dsn);

} // namespace outbox
