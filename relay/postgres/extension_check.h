// Finds the roles that can change the code that runs as outbox.emit(). Callers name the function without its argument types, so a role that
// may create a function in the schema can put a function of its own in the place of the extension's, and that function runs with the rights
// of each caller, a superuser's too. Tested by test/t/074_setup_security.t.
#pragma once

#include "postgres/steps.h"

#include <optional>
#include <string>

namespace outbox {

constexpr const char *files_missing_text = "the extension's files are not on this server";

// A role that is not trusted, and could put code of its own in the place of outbox.emit().
struct Stranger {
    std::string sentence;  // printable
    std::string way_out;   // for people
    std::string statement; // ends the danger; a superuser runs the statement
};
std::optional<Stranger> find_stranger(Server &server);

// Throws Failure where a role that is no superuser owns the schema, may create in the schema, or owns a function or an operator in the
// schema that is not the extension's. Prints which other objects the schema has. Works before the extension is installed, and after.
void require_schema_of_ours(const Steps &steps);

// Creates the extension where it is missing, and updates an extension that is older than the files on the server.
void install_extension(const Steps &steps);

} // namespace outbox
