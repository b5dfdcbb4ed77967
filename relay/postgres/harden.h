// setup --harden: takes pg_logical_emit_message(), with which any role can forge an event of any topic, from PUBLIC, and says who can still
// forge events and who can read them. Tested by test/t/075_harden.t.
#pragma once

#include "postgres/steps.h"

namespace outbox {

// Throws Failure.
void harden(const Steps &steps);

} // namespace outbox
