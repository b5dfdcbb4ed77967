// librdkafka's properties: what the user may set, what is locked because the delivery guarantee stands on it, and our defaults.
// Tested by test/unit/kafka_properties_test.cpp.
#pragma once

#include "kafka/reachability.h"
#include "kafka/token.h"

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

struct KafkaDestroy {
    void operator()(rd_kafka_t *handle) const { destroy_kafka_client(handle); }
};
using KafkaHandle = std::unique_ptr<rd_kafka_t, KafkaDestroy>;

struct KafkaErrorDestroy {
    void operator()(rd_kafka_error_t *error) const { rd_kafka_error_destroy(error); }
};
using KafkaError = std::unique_ptr<rd_kafka_error_t, KafkaErrorDestroy>; // null: no error

// "property=value". Throws std::invalid_argument with what was expected; never repeats a value.
KafkaProperty parse_kafka_property(std::string_view text);

// One property a line, "#" comments: for what must not stand on a command line. Throws as parse_kafka_property.
std::vector<KafkaProperty> read_kafka_property_file(const std::string &path);

// Passwords, keys and tokens: not for command lines or logs.
bool is_secret(std::string_view property);

// Our defaults, then the user's, then the locked ones. Throws std::invalid_argument, also for a locked property, with the reason.
KafkaConf make_kafka_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties);

// A client without a log. Null where librdkafka refuses, with its words. What it says of its connections goes to `kafka`, which outlives
// it, while rd_kafka_poll is called.
KafkaHandle make_kafka_client(rd_kafka_type_t type, KafkaConf conf, std::string &error, Reachability *kafka = nullptr);

// How many events may be in flight, where the properties say so; 0: they do not.
size_t events_in_flight_set(const std::vector<KafkaProperty> &properties);

// What librdkafka looks at only when it makes a client: values that must fit each other, files. Throws as make_kafka_conf, or with its
// words.
void check_kafka_properties(const std::vector<KafkaProperty> &properties, bool exactly_once);

// The same for a producer of transactions, and for a consumer that reads a partition to its end.
KafkaConf make_transactional_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties,
                                  const std::string &transactional_id);
KafkaConf make_consumer_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties, const char *isolation_level);

} // namespace outbox
