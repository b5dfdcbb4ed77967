// setup --relay-role and --app-role: creates the roles where they are missing, and grants what they need and no more. Tested by
// test/t/147_setup_roles.t.
#pragma once

#include "postgres/steps.h"

#include <string>

namespace outbox {

// Lets the role read a replication stream of this database. Prints where pg_hba.conf has no line for that, if this session may look.
void prepare_relay_role(const Steps &steps, const std::string &role);

// Lets the role call outbox.emit() and the functions beside it.
void prepare_app_role(const Steps &steps, const std::string &role);

} // namespace outbox
