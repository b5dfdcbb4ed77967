// outbox-relay dead-letters: what the relay has set aside, with the reason and the id that `skip` and a search in the database take; never
// a payload. Tested by test/t/146_dead_letters.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Throws std::runtime_error where Kafka does not answer, Interrupted.
int list_dead_letters(const DeadLettersCommand &command, Signals &signals);

} // namespace outbox
