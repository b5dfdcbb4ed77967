// The status as metrics, in Prometheus' text format. The text does not grow with events, is bounded in topics, and tells nothing of an
// event's content. Tested by test/unit/status_test.cpp and test/t/018_status.t.
#pragma once

#include "core/status.h"

#include <string>

namespace outbox {

constexpr const char *metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const Status &status);

} // namespace outbox
