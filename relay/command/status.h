// outbox-relay status: one screen that says how the delivery stands. What the slot says comes from the server, so the screen is there
// without a relay; with --listen the relay that runs there adds what only it knows. Tested by test/t/145_status_command.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Throws Failure where the server is not reached, or the slot is none that a relay can read from. With --watch until a signal comes.
int show_status(const StatusCommand &command, Signals &signals);

} // namespace outbox
