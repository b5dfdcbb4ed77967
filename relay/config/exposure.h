// Files with secrets that every user of this machine can read. What is in a file is read by its own reader; here is only who else could.
// Tested by test/t/115_exposed.t.
#pragma once

#include "config/sources.h"

#include <string>
#include <vector>

namespace outbox {

// A sentence for the log for each such file, without what is in it.
std::vector<std::string> exposed_secrets(const Effective &effective);

} // namespace outbox
