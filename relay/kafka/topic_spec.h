// A topic as the file of topics describes it. 0: the brokers' default.
#pragma once

#include <string>

namespace outbox {

struct TopicSpec {
    std::string name;
    int partitions = 0;
    int replicas = 0;
    int min_insync = 0;
};

} // namespace outbox
