// Who can change what runs as outbox.emit(). Callers name the function without its argument types, so whoever may create a function in the
// schema can put one of his own in the place of ours, and it runs with the rights of each caller, a superuser's too. Tested by
// test/t/074_setup_security.t.
#pragma once

#include "postgres/steps.h"

#include <optional>
#include <string>

namespace outbox {

constexpr const char *files_missing_text = "the extension's files are not on this server";

// A role that is not trusted and could put code of its own where outbox.emit() is looked for.
struct Stranger {
    std::string sentence;  // printable
    std::string way_out;   // for people
    std::string statement; // that mends it; a superuser's
};
std::optional<Stranger> find_stranger(Server &server);

// Throws Failure where a role that is no superuser owns the schema, may create in it, or owns a function or an operator in it that is not
// the extension's. Says what else is in it. Before the extension is there, and after.
void require_schema_of_ours(const Steps &steps);

// Creates the extension where it is missing, updates one that is older than the files on the server.
void install_extension(const Steps &steps);

} // namespace outbox
