// The names of librdkafka's properties, for a hint where one is mistyped. Tested by test/unit/kafka_properties_test.cpp.
#pragma once

#include <string>

namespace outbox {

// Of all properties that this librdkafka has, the one whose name is nearest.
std::string nearest_kafka_property(const std::string &name);

} // namespace outbox
