// outbox-relay status: one screen about the state of the delivery. The slot's figures come from the server, so the screen needs no relay;
// with --listen the running relay adds its own figures. Tested by test/t/145_status_command.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Throws Failure where the server is not reached, or no relay can read from the slot. With --watch runs until a signal comes.
int show_status(const StatusCommand &command, Signals &signals);

} // namespace outbox
