// A topic as a file of topics wants it. 0: the brokers' default.
#pragma once

#include <string>

namespace outbox {

struct WantedTopic {
    std::string name;
    int partitions = 0;
    int replicas = 0;
    int min_insync = 0;
};

} // namespace outbox
