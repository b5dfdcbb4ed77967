// outbox-relay setup: creates what is missing on the server, says what it did, and changes nothing the second time. Tested by test/t/.
#pragma once

#include "base/signals.h"
#include "config/options.h"

namespace outbox {

// Throws Failure, Interrupted.
void set_up(const SetupCommand &command, Signals &signals);

} // namespace outbox
