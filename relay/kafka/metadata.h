// Questions to Kafka about its brokers and topics, which librdkafka calls metadata. Tested by test/t/047_far_kafka.t, by
// test/t/063_kafka_out_of_reach.t, and by the tests of whoever asks.
#pragma once

#include "base/destroy.h"
#include "base/signals.h"
#include "core/clock.h"
#include "kafka/growing_wait.h"
#include "kafka/reachability.h"

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace outbox {

using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;

enum class Asked { brokers, all_topics };

// Asks once. Null where no broker answers within the wait: `error` says why.
Metadata ask_metadata(rd_kafka_t *handle, Asked asked, int wait_ms, rd_kafka_resp_err_t &error);
Metadata ask_metadata(rd_kafka_t *handle, rd_kafka_topic_t *topic, int wait_ms, rd_kafka_resp_err_t &error);

// The topic's number of partitions; 0: Kafka shows none, and `error` says why. nullopt: no broker answers within the wait.
std::optional<int> count_partitions(rd_kafka_t *handle, const std::string &topic, const GrowingWait &wait, rd_kafka_resp_err_t &error);

// Asks for a command, which waits for its answer, until `ask` with its wait returns true. False: the patience is over, or a broker has
// refused the client for good. A question that has begun by then ends later. Throws Interrupted.
bool ask_until(Clock::duration patience, rd_kafka_t *handle, const Reachability &kafka, Signals &signals,
               const std::function<bool(int wait_ms)> &ask);

// Why Kafka does not answer, as the client's connections tell; otherwise the words of the error.
std::string reason_of(const Reachability &kafka, rd_kafka_resp_err_t error);

} // namespace outbox
