// Turns libpq's words about a connection that did not come about into a line that an operator can act on. Pure: text in, text out. Tested
// by test/unit/connect_error_test.cpp.
#pragma once

#include <string>
#include <string_view>

namespace outbox {

// The properties of the connection that was tried.
struct Connecting {
    std::string user, database;
    bool names_database = true; // otherwise libpq took the user's name for the database's
    bool is_replication = true;
    bool chose_verify_full = false; // sslmode=verify-full is the relay's choice, since nobody named an sslmode
};

// `message` is libpq's, with PQERRORS_VERBOSE, one attempt a line: where libpq tries with TLS and without, the server's answer comes twice.
std::string explain_connect_error(std::string_view message, const Connecting &connecting);

} // namespace outbox
