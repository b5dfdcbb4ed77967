// The target of a delivery: Kafka's brokers, the rules for events that Kafka does not take, and what producers have learned. Outlives the
// producers. Tested by test/unit/at_least_once_sink_test.cpp.
#pragma once

#include "base/log.h"
#include "core/log_ends.h"
#include "core/part_limit.h"
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
    Condition trouble = {};       // why the last attempt to read the file failed
};

// Learned from Kafka's answers and from the property file. One producer leaves this knowledge to the next.
struct Learned {
    PropertyReading reading = {};
    Quarantine quarantine = {};
    SizeLimits size_limits = {};
    PartLimit part_limit = {};
    LogEnds log_ends = {};
    bool has_many_topics = false;
    bool was_refused = false;     // the position was refused when it was last read; a second refusal in a row is final
    uint64_t set_aside_count = 0; // events that a dead letter or a note stands for
    std::shared_ptr<Tallies> tallies = std::make_shared<Tallies>();
};

struct KafkaTarget {
    std::string brokers = {};
    std::vector<KafkaProperty> properties = {}; // in force: of the settings file, of the property file, and `own_properties`, in this order
    std::vector<KafkaProperty> base_properties = {}; // of the relay's settings file
    std::string property_file = {};                  // rotation.h reads the file again; empty: there is none
    std::vector<KafkaProperty> own_properties = {};
    bool exactly_once = false; // the properties must suit Kafka transactions
    OnPoison on_poison = OnPoison::stop;
    std::string dead_letter_topic = "outbox.dead-letter";
    std::string state_topic = "outbox.state";
    RecordStyle style = {};
    std::set<std::string> skip_ids = {}; // events that an operator skips
    size_t topics_max = 16384;           // of a producer, which is then replaced: some 100 MB where each topic has one partition
    size_t many_topics = 256;            // from so many topics on producers do without statistics: see care.h

    Learned learned = {};

    // True where the topic of this name in Kafka is not for events: Kafka's own topics, and the relay's, where an event could pass for a
    // position or a dead letter.
    bool is_own_topic(std::string_view name_in_kafka) const {
        return name_in_kafka.starts_with("__") || name_in_kafka == state_topic || name_in_kafka == dead_letter_topic;
    }
    // True where events of the topic that emit() named would go to such a topic.
    bool is_reserved(std::string_view topic) const {
        std::string scratch;
        return is_own_topic(style.topic(topic, scratch));
    }

    // True where a producer with so many topics can go on.
    bool bears_topics(size_t count) {
        if (count >= many_topics && !std::exchange(learned.has_many_topics, true))
            learned.tallies->kafka.forget();
        return count < topics_max;
    }

    // The LSN up to which the slot has to be confirmed so that no skipped event comes again; nullopt: some of them have not come yet.
    std::optional<Lsn> skips_end() const { return learned.quarantine.skips_end(); }
};

} // namespace outbox
