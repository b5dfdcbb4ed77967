// Objects and roles of others that stand in the way of a change of the form, or of its removal. Tested by test/t/162_move.t and
// test/t/147_setup_roles.t.
#pragma once

#include "postgres/server.h"

#include <string>

namespace outbox {

// The objects outside the schema "outbox" that depend on one in the schema, five at most, in the server's words; empty: there is none.
std::string find_dependents(Server &server);

// Roles that may call emit, but not pg_logical_emit_message(), which emit in SQL calls as its caller; empty: there is none.
std::string callers_who_may_not_write(Server &server);

} // namespace outbox
