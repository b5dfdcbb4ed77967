// outbox-relay setup: creates what is missing on the server, says what it did, and changes nothing the second time. Tested by test/t/.
#pragma once

#include "options.h"

namespace outbox {

// Throws Failure.
void set_up(const SetupCommand &command);

} // namespace outbox
