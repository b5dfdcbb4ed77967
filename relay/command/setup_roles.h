// setup --relay-role and --app-role: the roles, made where they are missing, with the rights that they need and no others. Tested by
// test/t/147_setup_roles.t.
#pragma once

#include "postgres/steps.h"

#include <string>

namespace outbox {

// May read a replication stream of this database. Says where pg_hba.conf has no line for that, where this session may look.
void prepare_relay_role(const Steps &steps, const std::string &role);

// May call outbox.emit() and what goes with it.
void prepare_app_role(const Steps &steps, const std::string &role);

} // namespace outbox
