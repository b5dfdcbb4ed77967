// setup --delivery exactly-once: the state topic, and the slot's position in it. Kafka is asked for all that it must grant before there is
// a slot, because a slot whose position is missing keeps WAL for a relay that does not start. Tested by test/t/041_position.t and
// test/t/076_setup_exactly_once.t.
#pragma once

#include "config/options.h"
#include "core/position.h"
#include "postgres/steps.h"

namespace outbox {

class PositionSetup {
public:
    PositionSetup(const SetupCommand &command, const Steps &steps) : command_(command), steps_(steps) {}

    // Before the slot is made: creates the state topic where it is missing, and begins a Kafka transaction as the relay will. Throws
    // Failure, PositionRefused, Interrupted, std::runtime_error.
    void prepare(bool slot_is_there);

    // Writes the position where there is none yet, or another one where that was asked for. Throws as prepare().
    void finish(bool slot_is_new);

private:
    struct Decision {
        Source source;
        Position position;
        bool is_to_be_written = false;
        std::string done; // what to say
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
