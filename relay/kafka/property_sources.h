// The sources of librdkafka's properties: the relay's file of settings, the property file, and the flags, from the weakest to the
// strongest; and the files that hold secrets. Tested by test/unit/property_sources_test.cpp.
#pragma once

#include "kafka/properties.h"

namespace outbox {

// The properties of all sources, each secret `NAME_file` replaced by the content of that file. A relative name is a credential of
// systemd's, where there are some. Throws std::invalid_argument.
std::vector<KafkaProperty> gather_properties(const std::vector<KafkaProperty> &base, const std::string &property_file,
                                             const std::vector<KafkaProperty> &own);

} // namespace outbox
