// outbox-relay health: asks the relay of this machine over HTTP, for a container's health check, whose image then needs no other program.
// Tested by test/t/053_health.t.
#pragma once

#include "config/options.h"

namespace outbox {

// Prints what the relay says, or why it says nothing. 0 where it is well, otherwise 1; within some seconds.
int ask_health(const HealthCommand &command);

} // namespace outbox
