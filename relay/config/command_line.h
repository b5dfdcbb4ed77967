// The command line: the command, and the texts that its flags give to settings. Whether a text can be a setting's value is checked
// elsewhere (sources.h). Tested by test/t/051_options.t.
#pragma once

#include "config/sources.h"

#include <span>
#include <string>
#include <vector>

namespace outbox {

struct CommandName {
    std::string name; // one word, or two: "config show"
    std::string help;
    unsigned takes; // a set of commands: their rows are the command's flags
};

struct CommandLine {
    size_t command; // an index of the names
    std::vector<Given> given;
};

// Prints the help where somebody asks for it, and exits. Throws Failure with one line: what was expected, and the nearest name of an
// unknown flag or command.
CommandLine parse_command_line(int argc, char **argv, const std::vector<CommandName> &commands);

} // namespace outbox
