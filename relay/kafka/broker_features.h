// The version of a broker, as far as a broker tells it: the answer to ApiVersions names the highest metadata.version that the broker knows,
// and a broker answers ApiVersions before a login. librdkafka sends the same request and keeps the answer to itself, so the relay sends its
// own request over a connection of its own. Tested by test/unit/broker_features_test.cpp and test/t/174_doctor_versions.t.
#pragma once

#include "kafka/properties.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// The level in an answer, which begins with the correlation id; nullopt: the answer names none, or is cut off. Pure.
std::optional<int> metadata_level(std::string_view answer);

// Asks the broker at host:port, by TLS where the properties say so. Each step waits five seconds at most, the answer has 64 kB at most;
// nullopt: nobody answers so.
std::optional<int> ask_metadata_level(const std::string &address, const std::vector<KafkaProperty> &properties);

// Whether brokers of this level, 4.3 and 4.4, can forget a commit (KAFKA-20734). The level does not tell 4.4.0 from later patches of 4.4.
bool can_forget_commits(int metadata_level);

} // namespace outbox
