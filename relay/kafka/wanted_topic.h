// A topic as a file of topics wants it. 0: what the brokers have by default, whatever it is.
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
