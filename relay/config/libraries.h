// The libraries that the relay runs with, for `version --verbose`. Tested by test/t/170_version.t.
#pragma once

#include <string>

namespace outbox {

// A line a library: its name, its version, and what is special about this build of it. After the libraries come the compiler and the
// system. Reads no file, and nothing of the relay's settings.
std::string libraries_text();

} // namespace outbox
