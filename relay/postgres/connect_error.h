// What libpq says about a connection that did not come about, in a line that an operator can act on. Pure: text in, text out.
// Tested by test/unit/connect_error_test.cpp.
#pragma once

#include <string>
#include <string_view>

namespace outbox {

// What the connection was asked to be.
struct Connecting {
    std::string user, database;
    bool names_database = true; // otherwise libpq took the user's name for one
    bool is_replication = true;
    bool chose_verify_full = false; // sslmode=verify-full is the relay's choice, because nobody named another
};

// `message` is libpq's, with PQERRORS_VERBOSE, one attempt a line: where it tries with TLS and without, the server's answer comes twice.
std::string explain_connect_error(std::string_view message, const Connecting &connecting);

} // namespace outbox
