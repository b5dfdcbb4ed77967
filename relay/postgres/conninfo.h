// What libpq makes of a connection string: with its own variables, service files and defaults, and without a look-up or a connection.
// Tested by test/unit/conninfo_test.cpp.
#pragma once

#include "postgres/hosts.h"

#include <string>

namespace outbox {

// Empty where libpq does not take them: whoever connects hears why.
std::vector<Host> hosts_of(const std::string &dsn);

// Does the string name a database, or a variable or a service for it? Otherwise libpq takes the user's name for one.
bool names_database(const std::string &dsn);

// How the string, libpq's variables or a service file say that TLS is to be used.
struct TlsMode {
    std::string sslmode;   // as it is in force; libpq's default, where nobody names one
    bool is_named = false; // somebody does
    bool is_local = true;  // no host of the string is another machine
};

// Sets and takes back libpq's variable: only for a process that has no other thread yet.
TlsMode tls_mode_of(const std::string &dsn);

// Why libpq takes no password from its password file, which it would say on standard error by itself. Empty: there is no reason.
std::string password_file_problem(const std::string &dsn);

// How much of TLS the string asks for: libpq's "sslmode".
std::string ssl_mode(const std::string &dsn);

// Which server and database the string means, as a connection string that can be shown to anybody: no user, no password, no files.
std::string public_conninfo(const std::string &dsn);

} // namespace outbox
