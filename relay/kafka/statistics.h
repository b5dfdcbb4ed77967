// What librdkafka says of itself, as JSON, every statistics.interval.ms: round trips and throttling of each broker, and its queue. What it
// says of topics is not looked at, since with many of them it is long. Tested by test/unit/kafka_statistics_test.cpp.
#pragma once

#include "core/tallies.h"

#include <optional>
#include <string_view>

namespace outbox {

constexpr const char *statistics_interval_ms = "10000";

// nullopt where the text is none of librdkafka's.
std::optional<KafkaFigures> parse_statistics(std::string_view json);

} // namespace outbox
