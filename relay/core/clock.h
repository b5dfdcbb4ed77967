// The one clock of the relay: it never goes back. Whoever needs the time takes it from the caller, so that a test turns it.
#pragma once

#include <chrono>

namespace outbox {

using Clock = std::chrono::steady_clock;

} // namespace outbox
