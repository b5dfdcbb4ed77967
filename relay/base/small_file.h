// A file that an operator writes, such as the settings: at most a mebibyte. The path may also name a pipe, as a shell's <(command) does. A
// pipe into which nobody writes would keep the process waiting, and a process that waits there takes no signal; so a pipe's writer has five
// seconds. Tested by test/unit/small_file_test.cpp.
#pragma once

#include <chrono>
#include <string>

namespace outbox {

// The file's content. Throws std::invalid_argument with the path and the reason, without anything of the content.
std::string read_small_file(const std::string &path, std::chrono::milliseconds patience = std::chrono::seconds(5));

} // namespace outbox
