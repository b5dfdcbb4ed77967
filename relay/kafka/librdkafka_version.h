// The versions of librdkafka that are known to be bad, and the reason. The relay is linked with a good version unless it was built with
// LIBRDKAFKA=system. Pure. Tested by test/unit/librdkafka_version_test.cpp.
#pragma once

#include <string>
#include <string_view>

namespace outbox {

// A version as rd_kafka_version() and RD_KAFKA_VERSION write it: 0xMMmmrrpp.
using LibrdkafkaVersion = unsigned;

// Why a relay with this property sasl.mechanisms cannot work with the version; empty: it can.
std::string librdkafka_refusal(LibrdkafkaVersion version, std::string_view sasl_mechanisms);

// The version's known harm to any relay, and the way out; empty: none is known.
std::string librdkafka_risk(LibrdkafkaVersion version);

} // namespace outbox
