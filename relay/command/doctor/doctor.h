// outbox-relay doctor: looks at all that a relay needs, one check after the other, and says for each what is so and what mends it. No check
// writes, and one that cannot be run hides no other. The whole takes a minute at most: a statement ends after five seconds, an answer of
// Kafka is waited for as long, and after the minute the checks that are left are skipped. Tested by test/t/140_doctor_postgres.t.
#pragma once

#include "base/signals.h"
#include "config/commands.h"

namespace outbox {

// The exit code: 10 where a check has failed. Throws Interrupted.
int examine(const DoctorCommand &command, Signals &signals);

} // namespace outbox
