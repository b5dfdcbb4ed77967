// Scripts that complete the command line of outbox-relay in a shell, made of the commands and the rows of the settings. A script runs
// nothing of the relay. Tested by test/t/172_completion.t, in the shells.
#pragma once

#include "config/command_line.h"

#include <string>
#include <vector>

namespace outbox {

std::string bash_completion(const std::vector<CommandName> &commands);
std::string zsh_completion(const std::vector<CommandName> &commands);
std::string fish_completion(const std::vector<CommandName> &commands);

} // namespace outbox
