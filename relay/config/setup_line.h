// The command `outbox-relay setup` with the options of a relay, for messages that advise the command. Has no user, no password and no
// secret property: an administrator runs the command. Tested by test/unit/setup_line_test.cpp.
#pragma once

#include "kafka/target.h"

#include <string>

namespace outbox {

std::string setup_line(const std::string &dsn, const std::string &slot, const std::string &topics, const KafkaTarget &kafka);

} // namespace outbox
