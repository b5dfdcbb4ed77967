// The status server's answers: text, code and headers for each path. Tested by test/t/018_status.t and test/t/122_page.t.
//
//   GET /                   a page for people, complete in itself: no script, nothing loaded from elsewhere
//   GET /status             the same figures as JSON, with units in the names
//   GET /metrics            Prometheus' text format
//   GET /livez, /live       200 "ok"; 503 "stuck" when the loop has not turned for a minute
//   GET /readyz, /ready     200 "streaming"; 503 with the state otherwise. ?standby=ok: 200 for a standby, too. ?verbose: check by check
#pragma once

#include "watch/samples.h"
#include "watch/troubles.h"

#include <string>
#include <string_view>

namespace outbox {

struct Request {
    std::string_view method, path;
    bool is_verbose = false, standby_is_ok = false;
};

struct Answer {
    unsigned code;
    std::string body;
    const char *content_type = "text/plain; charset=utf-8";
    std::string policy = "default-src 'none'; frame-ancestors 'none'"; // Content-Security-Policy
};

Answer answer_to(const Request &request, const Status &status, const Samples &samples, Troubles &troubles);

} // namespace outbox
