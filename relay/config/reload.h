// Reads the settings again on SIGHUP, and changes those that can change while the relay runs: the log's level and format, the bounds of
// memory and waiting, Kafka's properties and their sources. The log names the settings that only a restart would change. Tested by
// test/t/114_reload.t.
#pragma once

#include "config/options.h"

namespace outbox {

class Reload {
public:
    // The command line outlives the reload.
    Reload(int argc, char **argv, Effective in_force) : argc_(argc), argv_(argv), in_force_(std::move(in_force)) {}

    // Where the settings cannot be used, logs why and changes nothing.
    void apply_to(RunCommand &run) const;

private:
    std::string waiting_for_restart(const Effective &now) const;

    int argc_;
    char **argv_;
    Effective in_force_; // since the start
};

} // namespace outbox
