// Where to produce to, what to do with events whose content Kafka refuses, and what was learned about them: outlives the producers.
// Tested by test/unit/kafka_sink_test.cpp.
#pragma once

#include "kafka_properties.h"
#include "log.h"
#include "wire.h"

#include <map>
#include <optional>
#include <set>

namespace outbox {

enum class OnPoison { stop, dead_letter };

// What is to become of an event that is not delivered as it is.
struct SetAside {
    std::string reason = {};
    bool without_payload = false; // the dead letter itself was refused with it
    bool is_skip = false;         // an operator said so: only a note of it is kept
    bool stops = false;           // it is not: the relay ends before it, once all that came earlier is delivered
};

struct KafkaTarget {
    std::string brokers = {};
    std::vector<KafkaProperty> properties = {}; // in force: those of the file, then our own
    std::string property_file = {};             // read again by rotation.h; empty: none
    std::vector<KafkaProperty> own_properties = {};
    bool exactly_once = false; // for which they have to be good
    OnPoison on_poison = OnPoison::stop;
    std::string dead_letter_topic = "outbox.dead-letter";
    std::string state_topic = "outbox.state";
    std::set<std::string> skip_ids = {}; // the events that an operator wants to do without

    // Learned.
    std::string fingerprint = {}; // of the properties in force
    Condition rotation = {};      // why they cannot be read again
    std::string suspect = {};     // a topic that refused a record for reasons of its own; empty: none
    size_t batch_bytes = 0;       // smaller batches than the properties say, because larger ones were refused; 0: as they say
    std::map<std::string, SetAside> set_aside = {}; // by event id, until it is done; at most set_aside_max
    bool was_refused = false;                       // the position, when it was last read; a second time in a row is final
    uint64_t set_aside_count = 0;                   // done
    std::set<std::string> skipped = {};             // of skip_ids: done
    Lsn skipped_end{};                              // of their transactions

    // Where the slot has to be confirmed so that no skipped event comes again; nullopt: not all have been met yet.
    std::optional<Lsn> skips_end() const { return skipped.size() == skip_ids.size() ? std::optional<Lsn>(skipped_end) : std::nullopt; }

    static constexpr size_t set_aside_max = 1024;
};

} // namespace outbox
