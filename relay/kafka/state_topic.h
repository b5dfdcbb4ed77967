// The state topic of exactly-once delivery, as setup needs it: makes the topic, checks its shape, reads and writes a slot's position. Every
// call waits for Kafka; a relay that delivers reads with state_reader.h. Tested by test/t/041_position.t.
#pragma once

#include "base/signals.h"
#include "core/position.h"
#include "kafka/target.h"

#include <optional>
#include <string>

namespace outbox {

// Creates the topic where it is missing. True where the call created it. Throws PositionRefused where the topic's shape is wrong,
// std::runtime_error where Kafka does not create it, Interrupted. Waits up to half a minute for Kafka.
bool ensure_state_topic(const KafkaTarget &target, Signals &signals);

// Fences every producer that delivers for the slot, and then writes records, each in a Kafka transaction. Both functions wait as
// ensure_state_topic() does, and throw std::runtime_error and Interrupted.
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

// Reads the slot's position, waiting as ensure_state_topic() does. Throws PositionRefused where the position cannot be read.
std::optional<State> read_state(const KafkaTarget &target, const Source &source, Signals &signals);

// The same for a caller that replaces the position: a position that cannot be read counts as none.
std::optional<State> read_state_to_replace(const KafkaTarget &target, const Source &source, Signals &signals);

} // namespace outbox
