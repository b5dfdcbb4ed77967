// The wait for something that another process does and that tells nobody when it is done.
#pragma once

#include "base/signals.h"

#include <chrono>

namespace outbox {

// Calls `condition` once, and then each `interval` until it returns true or `patience` is over. False: it never returned true. Throws
// Interrupted, and what the condition throws.
template <class Condition>
bool comes_true(Signals &signals, std::chrono::milliseconds patience, std::chrono::milliseconds interval, Condition condition) {
    auto until = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= until)
            return false;
        signals.pause(interval);
    }
    return true;
}

} // namespace outbox
