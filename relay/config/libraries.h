// The libraries that the relay runs with, for `version --verbose`. Tested by test/t/170_version.t.
#pragma once

#include <string>

namespace outbox {

// A line for each library: its name, its version, and what is special about this build. Behind the libraries come the compiler and the
// system. Reads no file, and none of the relay's settings.
std::string libraries_text();

} // namespace outbox
