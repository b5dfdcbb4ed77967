// The exit status of the process, by which a supervisor tells a fault that passes from one that an operator has to mend. docs/relay.md
// documents each.
#pragma once

#include <stdexcept>
#include <string>

namespace outbox {

enum class ExitCode {
    ok = 0,
    unexpected = 1,
    usage = 2,
    slot_unusable = 3,    // the slot is missing, invalidated or another database's: events may be lost, an operator decides
    plugin_refused = 4,   // the plugin is not allowed, not installed, or not one that this relay reads
    not_prepared = 5,     // setup cannot go on before the server's administrator has done something
    position_refused = 6, // exactly-once: the position is missing, behind the slot, or of another history; or Kafka lost records
    poisoned_event = 8,   // Kafka refuses the content of an event
    unhealthy = 10,       // doctor has found what stops a relay
    not_drained = 11,     // drain: the time was over before everything was delivered
};

// A fault that another attempt would not change: main() logs the message and ends the process with the code. The message says what to do.
class Failure : public std::runtime_error {
public:
    Failure(ExitCode code, const std::string &message) : std::runtime_error(message), code_(code) {}
    ExitCode code() const { return code_; }

private:
    ExitCode code_;
};

} // namespace outbox
