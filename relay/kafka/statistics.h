// librdkafka's statistics, which it publishes as JSON every statistics.interval.ms: round trips and throttling of each broker, and the
// queue. The figures of topics are not read, since many topics make them long. Tested by test/unit/kafka_statistics_test.cpp.
#pragma once

#include "core/tallies.h"

#include <optional>
#include <string_view>

namespace outbox {

constexpr const char *statistics_interval_ms = "10000";

// nullopt: the text is no statistics of librdkafka.
std::optional<KafkaFigures> parse_statistics(std::string_view json);

} // namespace outbox
