// outbox-relay dead-letters: lists the events that the relay has set aside, with the reason and with the id for `skip` or a search in the
// database; never a payload. Tested by test/t/146_dead_letters.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Throws std::runtime_error where Kafka does not answer, Interrupted.
int list_dead_letters(const DeadLettersCommand &command, Signals &signals);

} // namespace outbox
