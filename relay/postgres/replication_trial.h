// Whether a role can read a replication stream, tried: attributes in the catalog say nothing on hosted servers. Tested by
// test/t/142_doctor_access.t.
#pragma once

#include "base/signals.h"
#include "postgres/login.h"

#include <string>

namespace outbox {

// Connects as the relay would and asks who the server is. Why that is refused, in a line; empty: it works. Waits ten seconds at most.
std::string try_replication(const Login &login, Signals &signals);

// The same with a command of the replication protocol that gives no stream.
std::string ask_for_replication(const Login &login, Signals &signals, const std::string &command);

} // namespace outbox
