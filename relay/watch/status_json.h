// The status as JSON for programs, with the units in the names. An unknown value is null. Tested by test/t/122_page.t.
#pragma once

#include "watch/screen.h"

#include <deque>
#include <string>

namespace outbox {

std::string status_json(const Status &status, const Samples &samples, const std::deque<Trouble> &troubles);

} // namespace outbox
