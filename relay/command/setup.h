// outbox-relay setup: creates what is missing on the server, prints each step, and changes nothing the second time. Tested by
// test/t/013_setup.t.
#pragma once

#include "base/signals.h"
#include "config/options.h"

namespace outbox {

// Throws Failure, Interrupted.
void set_up(const SetupCommand &command, Signals &signals);

} // namespace outbox
