// setup --remove: removes what setup has created in this database: the slot, the extension, its schema. Refuses while a relay reads, and
// while events are not delivered unless --force is given. Tested by test/t/147_setup_roles.t.
#pragma once

#include "postgres/steps.h"

#include <string>

namespace outbox {

// Asks at a terminal, unless `is_forced`. Throws Failure.
void remove_outbox(const Steps &steps, const std::string &slot, bool is_forced);

} // namespace outbox
