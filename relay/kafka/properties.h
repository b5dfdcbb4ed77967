// librdkafka's properties: those that a user may set, those that are locked because the delivery guarantee stands on them, and the relay's
// defaults. Tested by test/unit/kafka_properties_test.cpp.
#pragma once

#include "base/destroy.h"
#include "kafka/client_end.h"
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

using KafkaConf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;

using KafkaHandle = std::unique_ptr<rd_kafka_t, Destroy<destroy_kafka_client>>;

using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>; // null: no error

// Reads "property=value". Throws std::invalid_argument with what was expected; the text never repeats a value.
KafkaProperty parse_kafka_property(std::string_view text);

// Reads a file with one property a line and "#" comments, for properties that must not stand on a command line. Throws as
// parse_kafka_property().
std::vector<KafkaProperty> read_kafka_property_file(const std::string &path);

// The value of the property's last entry, which is the one in force; `fallback` where there is no entry.
std::string last_value(const std::vector<KafkaProperty> &properties, std::string_view name, std::string fallback = "");

// True for passwords, keys and tokens, which have no place on command lines or in logs.
bool is_secret(std::string_view property);

// The relay's defaults, then the user's properties, then the locked ones. Throws std::invalid_argument with the reason, for a locked
// property, too.
KafkaConf make_kafka_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties);

// Makes a client without a log. Null where librdkafka refuses, with its words in `error`. rd_kafka_poll() passes the client's words about
// its connections to `kafka`, which outlives the client.
KafkaHandle make_kafka_client(rd_kafka_type_t type, KafkaConf conf, std::string &error, Reachability *kafka = nullptr);

// The number of events in flight that the properties set; 0: none is set.
size_t events_in_flight_set(const std::vector<KafkaProperty> &properties);

// Checks what librdkafka looks at only when it makes a client: values that must fit each other, files. Throws as make_kafka_conf(), or with
// librdkafka's words.
void check_kafka_properties(const std::vector<KafkaProperty> &properties, bool exactly_once);

// make_transactional_conf() makes the configuration of a producer of Kafka transactions, and make_consumer_conf() that of a consumer that
// reads a partition to its end. Both throw as make_kafka_conf().
KafkaConf make_transactional_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties,
                                  const std::string &transactional_id);
KafkaConf make_consumer_conf(const std::string &brokers, const std::vector<KafkaProperty> &properties, const char *isolation_level);

} // namespace outbox
