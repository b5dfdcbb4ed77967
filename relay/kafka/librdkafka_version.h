// Which versions of librdkafka are known to be bad, and for what. The relay is linked with a version that is good unless it was
// built with LIBRDKAFKA=system. Pure. Tested by test/unit/librdkafka_version_test.cpp.
#pragma once

#include <string>
#include <string_view>

namespace outbox {

// As rd_kafka_version() and RD_KAFKA_VERSION have it: 0xMMmmrrpp.
using LibrdkafkaVersion = unsigned;

// Why a relay with this property sasl.mechanisms cannot work with the version; empty where it can.
std::string librdkafka_refusal(LibrdkafkaVersion version, std::string_view sasl_mechanisms);

// What the version is known to do to any relay, and the way out; empty where nothing is known.
std::string librdkafka_risk(LibrdkafkaVersion version);

} // namespace outbox
