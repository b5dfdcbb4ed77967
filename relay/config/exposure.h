// Finds files with secrets that every user of this machine can read. Tested by test/t/115_exposed.t.
#pragma once

#include "config/sources.h"

#include <string>
#include <vector>

namespace outbox {

// A sentence for the log for each such file, without the file's content.
std::vector<std::string> exposed_secrets(const Effective &effective);

} // namespace outbox
