// Objects and roles of others that stand in the way of a change of the form. Tested by test/t/162_move.t.
#pragma once

#include "postgres/server.h"

#include <string>

namespace outbox {

// An object outside the schema "outbox" that depends on one in the schema, in the server's words; empty: there is none.
std::string find_dependent(Server &server);

// Roles that may call emit, but not pg_logical_emit_message(), which emit in SQL calls as its caller; empty: there is none.
std::string callers_who_may_not_write(Server &server);

} // namespace outbox
