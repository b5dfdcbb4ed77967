// What of others uses the schema "outbox" and so stands in the way of a change of its form. Tested by test/t/162_move.t.
#pragma once

#include "postgres/server.h"

#include <string>

namespace outbox {

// An object outside the schema that depends on one in it, as the server describes it; empty: there is none.
std::string find_dependent(Server &server);

} // namespace outbox
