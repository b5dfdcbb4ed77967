// outbox-relay drain: waits until everything that was committed before is in Kafka, beside a relay that runs, for upgrades and tests. It
// reads the slot's confirmed position, which the relay moves only over what Kafka has; exactly once, only over what consumers can see.
// Tested by test/t/143_drain.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// The exit code: 0, or 11 where the time is over before. Throws Failure where no relay can ever deliver from the slot, and Interrupted.
int drain(const DrainCommand &command, Signals &signals);

} // namespace outbox
