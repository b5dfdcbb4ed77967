// The risks that others read or forge what is sent, as sentences for the log. Pure: looks up no name. Tested by
// test/unit/protection_test.cpp.
#pragma once

#include "kafka/properties.h"

#include <string>
#include <vector>

namespace outbox {

// Both return an empty text where the connection is encrypted and the server verified, or never leaves this machine.
std::string postgres_risk(const std::string &sslmode, bool is_local);
std::string kafka_risk(const std::string &brokers, const std::vector<KafkaProperty> &properties);

} // namespace outbox
