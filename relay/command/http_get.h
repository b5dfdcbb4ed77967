// One question to a relay over HTTP, as a probe asks: bounded in time and in size. Tested by test/t/053_health.t.
#pragma once

#include "config/commands.h"

#include <string>

namespace outbox {

struct HttpAnswer {
    bool is_ok = false; // status 200
    std::string body;   // empty where there is no answer
    std::string reason; // why there is none
};

// Three seconds at most for each address of the host; what is longer than the bound is cut off.
HttpAnswer http_get(const Endpoint &relay, const std::string &path, size_t bytes_max);

} // namespace outbox
