// outbox-relay health: asks the relay of this machine over HTTP, for a container's health check, so that the image needs no other program.
// Tested by test/t/053_health.t.
#pragma once

#include "config/options.h"

namespace outbox {

// Prints the relay's answer, or why there is none. Returns 0 where the relay is well, otherwise 1; takes some seconds at most.
int ask_health(const HealthCommand &command);

} // namespace outbox
