// Versions of servers that are known to have a hole which a relay falls into. Pure. Tested by test/unit/doctor_test.cpp.
#pragma once

#include <string>

namespace outbox {

std::string server_version_text(int version); // 150020: "15.20"

// What is wrong with it, to be said behind its name; empty: nothing that is known.
std::string server_version_hole(int version);

} // namespace outbox
