// outbox-relay tail: shows events as they are committed, beside a relay that runs, and consumes none. It reads from a copy of the slot,
// temporary and its own, which goes with its session. It holds a piece of the stream at a time: a row of it in memory here, and on the
// server what its work_mem lets it, the rest in a file. Tested by test/t/144_tail.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Returns 0 after --limit events, or when a signal comes. Throws Failure.
int tail(const TailCommand &command, Signals &signals);

} // namespace outbox
