// The file of settings, in TOML: the settings' keys with "_" for "-", and the table [kafka] of librdkafka's properties. What is wrong is
// said with the line; no value is repeated. The one place that knows toml++. Tested by test/unit/file_test.cpp and test/t/110_config.t.
#pragma once

#include "config/sources.h"

#include <string>
#include <string_view>

namespace outbox {

constexpr const char *default_config_file = "/etc/outbox-relay.toml";

// `name` stands for the file in what is said. A text that is no TOML gives nothing but the problem.
ConfigFile parse_config(std::string_view text, const std::string &name);

// Of the file's path; at most 1 MiB is read.
ConfigFile read_config_file(const std::string &path);

} // namespace outbox
