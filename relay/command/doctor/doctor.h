// outbox-relay doctor: looks at everything that a relay needs, one check after the other, and prints for each the finding and the repair.
// No check writes, unless --probe asks for it, and a check that cannot run hides no other. The whole takes a minute at most: a statement
// ends after five seconds, so does the wait for an answer of Kafka, and after the minute the remaining checks are skipped. Tested by
// test/t/140_doctor_postgres.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// Returns the exit code: 10 where a check has failed. Throws Interrupted.
int examine(const DoctorCommand &command, Signals &signals);

} // namespace outbox
