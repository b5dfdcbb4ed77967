// Makes a command of the settings' values: checks what must be given, what fits together, and what Kafka's and PostgreSQL's libraries would
// refuse. Throws std::invalid_argument with a line that says what was expected. Tested by test/t/051_options.t.
#pragma once

#include "config/options.h"

namespace outbox {

// Throws unless the state topic and the dead-letter topic are two, and the relay is not asked to deliver events to either.
void check_own_topics(const Values &values);

Login login(const Values &values);
KafkaTarget kafka_target(const Values &values);

Command run_command(const Values &values); // also for skip
Command setup_command(const Values &values);
Command health_command(const Values &values);

} // namespace outbox
