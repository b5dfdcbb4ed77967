// Where to produce to, what to do with events that Kafka does not take, and what was learned about them: outlives the producers.
// Tested by test/unit/at_least_once_sink_test.cpp.
#pragma once

#include "base/log.h"
#include "core/log_ends.h"
#include "core/quarantine.h"
#include "core/size_limits.h"
#include "core/tallies.h"
#include "kafka/properties.h"
#include "kafka/record_style.h"

#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace outbox {

enum class OnPoison { stop, dead_letter };

// The property file as the relay read the file last.
struct PropertyReading {
    std::string fingerprint = {}; // of the properties in force
    Condition trouble = {};       // why the file cannot be read again
};

// Learned from Kafka's answers and from the property file. One producer leaves to the next what it has learned.
struct Learned {
    PropertyReading reading = {};
    Quarantine quarantine = {};
    SizeLimits size_limits = {};
    LogEnds log_ends = {};
    bool has_many_topics = false;
    bool was_refused = false;     // the position, when it was last read; a second time in a row is final
    uint64_t set_aside_count = 0; // events that a dead letter or a note stands for
    std::shared_ptr<Tallies> tallies = std::make_shared<Tallies>();
};

struct KafkaTarget {
    std::string brokers = {};
    std::vector<KafkaProperty> properties = {};      // in force: the three below, in this order
    std::vector<KafkaProperty> base_properties = {}; // of the relay's file of settings
    std::string property_file = {};                  // read again by rotation.h; empty: none
    std::vector<KafkaProperty> own_properties = {};
    bool exactly_once = false; // for which they have to be good
    OnPoison on_poison = OnPoison::stop;
    std::string dead_letter_topic = "outbox.dead-letter";
    std::string state_topic = "outbox.state";
    RecordStyle style = {};
    std::set<std::string> skip_ids = {}; // the events that an operator wants to do without
    size_t topics_max = 16384;           // of a producer, which is then replaced: some 100 MB where each has one partition
    size_t many_topics = 256;            // from here on producers do without statistics: see care.h

    Learned learned = {};

    // Whether events of the topic would go where no events belong: to Kafka's own topics, or to the relay's, where an event could pass for
    // a position or a dead letter.
    bool is_reserved(std::string_view topic) const {
        std::string scratch;
        std::string_view name = style.topic(topic, scratch);
        return name.starts_with("__") || name == state_topic || name == dead_letter_topic;
    }

    // Whether a producer with so many topics can go on.
    bool bears_topics(size_t count) {
        if (count >= many_topics && !std::exchange(learned.has_many_topics, true))
            learned.tallies->kafka.forget();
        return count < topics_max;
    }

    // Where the slot has to be confirmed so that no skipped event comes again; nullopt: not all of them have been met yet.
    std::optional<Lsn> skips_end() const { return learned.quarantine.skips_end(); }
};

} // namespace outbox
