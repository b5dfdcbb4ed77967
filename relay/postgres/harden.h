// setup --harden: revokes pg_logical_emit_message() from PUBLIC, since any role can forge an event of any topic with that function, and
// prints which roles can still forge events and which can read them. Tested by test/t/075_harden.t.
#pragma once

#include "postgres/steps.h"

#include <string>
#include <vector>

namespace outbox {

// The overloads of pg_logical_emit_message() that PUBLIC may execute in this database, in REVOKE's syntax.
std::vector<std::string> emit_message_open_to_public(Server &server);

// Throws Failure where PUBLIC keeps the function.
void harden(const Steps &steps);

} // namespace outbox
