// setup --delivery exactly-once: the state topic, and the slot's position in the topic. Everything that Kafka must grant is tried before
// the slot is created, since a slot without a position keeps WAL for a relay that does not start. Tested by test/t/041_position.t and
// test/t/076_setup_exactly_once.t.
#pragma once

#include "config/options.h"
#include "core/position.h"
#include "postgres/steps.h"

namespace outbox {

class PositionSetup {
public:
    PositionSetup(const SetupCommand &command, const Steps &steps) : command_(command), steps_(steps) {}

    // Before the slot is created: creates the state topic where it is missing, and begins a Kafka transaction as the relay will. Throws
    // Failure, PositionRefused, Interrupted, std::runtime_error.
    void prepare(bool slot_is_there);

    // Writes the position where there is none yet, or another one where --reset-state asks for it. Throws as prepare() does.
    void finish(bool slot_is_new);

private:
    struct Decision {
        Source source;
        Position position;
        bool is_to_be_written = false;
        std::string done; // the line to print
    };
    Decision decide(bool slot_is_new) const;
    void write(bool slot_is_new);
    Source identity() const;
    Source source() const;
    std::vector<TimelineEnd> history(uint32_t timeline) const;
    void require_no_holder() const;

    const SetupCommand &command_;
    const Steps &steps_;
};

} // namespace outbox
