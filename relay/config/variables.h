// The OUTBOX_… variables: each stands for an option that the command line leaves out. One that is blank or unknown ends the process,
// because a setting that is not there must not look like its default. Tested by test/t/051_options.t.
//
// CLI11 reads variables as well, but passes over blank ones, and from 2.4 on over wrong ones.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace outbox {

// Throws Failure where an OUTBOX_… variable is blank or none of `known`.
void check_variables(const std::vector<std::string> &known);

// Gives the option the variable's value, checked as on the command line; nothing where the option was given, or has no variable. Throws
// Failure with the variable's name.
void read_variable(CLI::Option &option, const std::string &variable);

} // namespace outbox
