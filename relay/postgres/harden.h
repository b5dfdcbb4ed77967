// setup --harden: takes pg_logical_emit_message(), with which any role can forge an event of any topic, from PUBLIC, and says who can still
// forge events and who can read them. Tested by test/t/075_harden.t.
#pragma once

#include "postgres/steps.h"

#include <string>
#include <vector>

namespace outbox {

// The overloads of pg_logical_emit_message() that PUBLIC may execute in this database, as REVOKE takes them.
std::vector<std::string> emit_message_open_to_public(Server &server);

// Throws Failure.
void harden(const Steps &steps);

} // namespace outbox
