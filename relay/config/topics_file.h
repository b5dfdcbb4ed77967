// The file of topics, in TOML: a table is a topic, and the values before the first table hold for all topics.
//
//   partitions = 6
//   replication_factor = 3
//   min_insync_replicas = 2
//
//   [orders]
//   partitions = 12
//   [invoice.created]
//
// Pure, but for reading the file. Tested by test/unit/topics_file_test.cpp.
#pragma once

#include "kafka/topic_spec.h"

#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// The topics in the file's order. Both throw std::invalid_argument with the file, the line, and what was expected.
std::vector<TopicSpec> parse_topics(std::string_view text, const std::string &name);
std::vector<TopicSpec> read_topics_file(const std::string &path);

} // namespace outbox
