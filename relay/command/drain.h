// outbox-relay drain: waits until everything that was committed before is in Kafka, beside a running relay, for upgrades and tests. The
// command reads the slot's confirmed position, which the relay moves only over events that Kafka has; with exactly-once delivery only over
// events that consumers can see. Tested by test/t/143_drain.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Returns the exit code: 0, or 11 where the time is over first. Throws Failure where no relay can ever deliver from the slot, and
// Interrupted.
int drain(const DrainCommand &command, Signals &signals);

} // namespace outbox
