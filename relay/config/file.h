// The file of settings, in TOML: the settings' keys with "_" for "-", and the table [kafka] of librdkafka's properties. A problem names its
// line and repeats no value. The one place that knows toml++. Tested by test/unit/file_test.cpp and test/t/110_config.t.
#pragma once

#include "config/sources.h"

#include <string>
#include <string_view>

namespace outbox {

constexpr const char *default_config_file = "/etc/outbox-relay.toml";

// `name` stands for the file in messages. A text that is no TOML gives the problem alone.
ConfigFile parse_config(std::string_view text, const std::string &name);

// Reads the file at the path, at most 1 MiB.
ConfigFile read_config_file(const std::string &path);

} // namespace outbox
