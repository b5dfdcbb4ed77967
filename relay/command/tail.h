// outbox-relay tail: shows events as they are committed, beside a running relay, and consumes none. The command reads from a temporary copy
// of the slot, which goes with its session. Memory is bounded: here one row of a piece of the stream, on the server its work_mem, the rest
// in a file of the server. Tested by test/t/144_tail.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Returns 0 after --limit events, or when a signal comes. Throws Failure.
int tail(const TailCommand &command, Signals &signals);

} // namespace outbox
