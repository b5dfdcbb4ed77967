// Versions of the server with a known fault that harms a relay. Pure. Tested by test/unit/doctor_test.cpp.
#pragma once

#include <string>

namespace outbox {

std::string server_version_text(int version); // 150020: "15.20"

// The version's fault, as a sentence part behind the version; empty: none is known.
std::string server_version_hole(int version);

} // namespace outbox
