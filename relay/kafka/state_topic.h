// Setting up the state topic of exactly-once delivery: makes it, knows whether it has the right shape, reads and writes a slot's position.
// Every call waits for Kafka; a relay that delivers reads with state_reader.h. Tested by test/t/.
#pragma once

#include "base/signals.h"
#include "core/position.h"
#include "kafka/target.h"

#include <optional>
#include <string>

namespace outbox {

// Creates the topic where it is missing. True where it did. Throws PositionRefused where its shape is wrong, std::runtime_error where Kafka
// does not do it, Interrupted. Waits for Kafka, up to half a minute.
bool ensure_state_topic(const KafkaTarget &target, Signals &signals);

// Fences whoever delivers for this slot, and then can write a record in a transaction of its own. Both wait as ensure_state_topic, and
// throw std::runtime_error and Interrupted.
class StateWriter {
public:
    StateWriter(const KafkaTarget &target, const Source &source, Signals &signals);
    void write(const State &state);

private:
    std::string topic_, key_;
    Signals &signals_;
    Reachability kafka_;
    KafkaHandle handle_;
};

// Reads it, waiting as ensure_state_topic. Throws PositionRefused where it cannot be read.
std::optional<State> read_state(const KafkaTarget &target, const Source &source, Signals &signals);

// The same for whoever replaces it: what cannot be read counts as none.
std::optional<State> read_state_to_replace(const KafkaTarget &target, const Source &source, Signals &signals);

} // namespace outbox
