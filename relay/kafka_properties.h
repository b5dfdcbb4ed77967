// librdkafka's properties: what the user may set, what is locked because the delivery guarantee stands on it, and our defaults.
// Tested by test/unit/kafka_properties_test.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

namespace outbox {

using KafkaProperty = std::pair<std::string, std::string>;

struct KafkaConfDestroy {
    void operator()(rd_kafka_conf_t *conf) const { rd_kafka_conf_destroy(conf); }
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, KafkaConfDestroy>;

// "property=value". Throws std::invalid_argument with what was expected; never repeats a value.
KafkaProperty parse_kafka_property(std::string_view text);

// One property a line, "#" comments: for what must not stand on a command line. Throws as parse_kafka_property.
std::vector<KafkaProperty> read_kafka_property_file(const std::string &path);

// Passwords, keys and tokens: not for command lines or logs.
bool is_secret(std::string_view property);

// Where to produce to, and what was learned about it: outlives the producers.
struct KafkaTarget {
    std::string brokers;
    std::vector<KafkaProperty> properties;
    std::string suspect;    // a topic that refused a record for reasons of its own; empty: none
    size_t batch_bytes = 0; // smaller batches than the properties say, because a topic refused larger ones; 0: as they say
};

// Our defaults, then the user's, then the locked ones. Throws std::invalid_argument, also for a locked property, with the reason.
KafkaConf make_kafka_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties);

} // namespace outbox
