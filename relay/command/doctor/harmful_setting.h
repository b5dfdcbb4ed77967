// A setting that sessions have without asking for it: of a role, of the database, or of the server.
#pragma once

#include "command/doctor/finding.h"

#include <optional>

namespace outbox {

class Server;

struct HarmfulSetting {
    const char *pattern; // a regular expression for name=value, without regard to case
    const char *effect;  // continues a sentence
};

// A warning with the statement that takes the setting back. Settings of roles and of the database come before the server's, as in a
// session. Throws Failure.
std::optional<Finding> find_setting(Server &server, const HarmfulSetting &harmful);

} // namespace outbox
