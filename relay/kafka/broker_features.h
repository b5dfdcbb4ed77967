// Of which Kafka a broker is, as far as it tells anybody: by the highest metadata.version that it knows, in its answer to ApiVersions, for
// which nobody has to log in. librdkafka asks the same and keeps the answer to itself, so the question goes over a connection of its own.
// Tested by test/unit/broker_features_test.cpp and test/t/174_kafka_version.t.
#pragma once

#include "kafka/properties.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// Of an answer, from the correlation id on; nullopt: it names none, or is none. Pure.
std::optional<int> metadata_level(std::string_view answer);

// Asks the broker at host:port, by TLS where the properties say so. Each step waits five seconds at most, the answer has 64 kB at most;
// nullopt: nobody answers so.
std::optional<int> ask_metadata_level(const std::string &address, const std::vector<KafkaProperty> &properties);

// Whether brokers of this level, 4.3 and 4.4, can forget a commit (KAFKA-20734). The level does not tell 4.4.0 from later patches of 4.4.
bool can_forget_commits(int metadata_level);

} // namespace outbox
