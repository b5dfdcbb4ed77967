// Threads that nobody waits for any more, because what they wait for takes too long. They use what exit() would destroy, such as OpenSSL's
// state, so a process that has left one behind ends by _exit().
#pragma once

#include <atomic>

namespace outbox {

inline std::atomic<int> threads_left_behind{0};

} // namespace outbox
