// Tries whether a role can read a replication stream: on hosted servers the role's attributes in the catalog do not tell. Tested by
// test/t/142_doctor_access.t.
#pragma once

#include "base/signals.h"
#include "postgres/login.h"

#include <string>

namespace outbox {

// Connects as the relay would, and sends IDENTIFY_SYSTEM. Returns the refusal on one line; empty: the role can stream. Waits ten seconds at
// most.
std::string try_replication(const Login &login, Signals &signals);

// The same with another command of the replication protocol that returns no stream.
std::string ask_for_replication(const Login &login, Signals &signals, const std::string &command);

} // namespace outbox
