// What of others uses the schema "outbox" and so stands in the way of a change of its form. Tested by test/t/162_move.t.
#pragma once

#include "postgres/server.h"

#include <string>

namespace outbox {

// An object outside the schema that depends on one in it, as the server describes it; empty: there is none.
std::string find_dependent(Server &server);

// Roles that may call emit, and not pg_logical_emit_message(), which emit in SQL calls as its caller; empty: there is none.
std::string callers_who_may_not_write(Server &server);

} // namespace outbox
