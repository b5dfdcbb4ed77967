// Where librdkafka's properties come from: the relay's file of settings, the property file, and the flags, from the weakest to the
// strongest; and the files that their secrets are in. Tested by test/unit/property_sources_test.cpp.
#pragma once

#include "kafka/properties.h"

namespace outbox {

// All of them, each secret `NAME_file` replaced by what is in that file. A relative name is one of systemd's credentials, where there are
// some. Throws std::invalid_argument.
std::vector<KafkaProperty> gather_properties(const std::vector<KafkaProperty> &base, const std::string &property_file,
                                             const std::vector<KafkaProperty> &own);

} // namespace outbox
