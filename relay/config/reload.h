// SIGHUP reads the settings again. What can change while the relay runs does: the log's level and format, the bounds of memory and
// waiting, Kafka's properties and where they come from. The rest is compared, and what would be another after a restart is said. Tested by
// test/t/114_reload.t.
#pragma once

#include "config/options.h"

namespace outbox {

class Reload {
public:
    // The command line outlives it.
    Reload(int argc, char **argv, Effective in_force) : argc_(argc), argv_(argv), in_force_(std::move(in_force)) {}

    // Where the settings cannot be used, says so, and nothing has changed.
    void apply_to(RunCommand &run) const;

private:
    std::string waiting_for_restart(const Effective &now) const;

    int argc_;
    char **argv_;
    Effective in_force_; // since the start
};

} // namespace outbox
