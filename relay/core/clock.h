// The relay's one clock, which never goes back. A part that needs the time gets the time from its caller, so that a test can turn the
// clock.
#pragma once

#include <chrono>

namespace outbox {

using Clock = std::chrono::steady_clock;

} // namespace outbox
