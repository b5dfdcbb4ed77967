// Where to produce to, what to do with events whose content Kafka refuses, and what was learned about them: outlives the producers.
// Tested by test/unit/kafka_sink_test.cpp.
#pragma once

#include "kafka_properties.h"

#include <map>

namespace outbox {

enum class OnPoison { stop, dead_letter };

// What is to become of an event that is not delivered as it is.
struct SetAside {
    std::string reason;
    bool without_payload = false; // the dead letter itself was refused with it
    bool is_skip = false;         // an operator said so: only a note of it is kept
};

struct KafkaTarget {
    std::string brokers = {};
    std::vector<KafkaProperty> properties = {};
    OnPoison on_poison = OnPoison::stop;
    std::string dead_letter_topic = "outbox.dead-letter";
    std::string state_topic = "outbox.state";
    std::string skip_id = {}; // the event that an operator wants to do without; empty: none

    // Learned.
    std::string suspect = {};                       // a topic that refused a record for reasons of its own; empty: none
    size_t batch_bytes = 0;                    // smaller batches than the properties say, because larger ones were refused; 0: as they say
    std::map<std::string, SetAside> set_aside = {}; // by event id, until it is done; at most set_aside_max
    uint64_t set_aside_count = 0;              // done
    bool is_skipped = false;                   // the event of skip_id is done

    static constexpr size_t set_aside_max = 1024;
};

} // namespace outbox
