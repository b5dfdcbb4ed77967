// One HTTP request to a relay, as a probe sends it: bounded in time and size. Tested by test/t/053_health.t.
#pragma once

#include "config/commands.h"

#include <string>

namespace outbox {

struct HttpAnswer {
    bool is_ok = false; // status 200
    std::string body;   // empty: there is no answer
    std::string reason; // why there is no answer
};

// Takes three seconds at most for each address of the host; cuts an answer off at `bytes_max`.
HttpAnswer http_get(const Endpoint &relay, const std::string &path, size_t bytes_max);

} // namespace outbox
