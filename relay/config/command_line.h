// The command line: which command, and the texts that its flags give the settings. Whether a text can be a setting's value is not looked at
// here (sources.h). Tested by test/t/051_options.t.
#pragma once

#include "config/sources.h"

#include <span>
#include <string>
#include <vector>

namespace outbox {

struct CommandName {
    std::string name; // of one word, or of two: "config show"
    std::string help;
    unsigned takes; // the rows of these commands
};

struct CommandLine {
    size_t command; // its place among the names
    std::vector<Given> given;
};

// Prints the help where that is asked for, and exits. Throws Failure with one line: what was expected, and for an unknown flag or command
// the nearest name.
CommandLine parse_command_line(int argc, char **argv, const std::vector<CommandName> &commands);

} // namespace outbox
