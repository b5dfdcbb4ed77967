// The times in the ids of a backend's events. The times increase strictly, even when the clock stands still, is set back, or ticks more
// slowly than events come. Pure: the caller reads the clock. Tested by test/unit/event_clock_test.cpp.
#pragma once

#include <cstdint>

constexpr int64_t ns_per_ms = 1000000;

// The 12 bits after the milliseconds count 1/4096 ms (RFC 9562, method 3), so two times must be 245 ns apart to make different ids.
constexpr int64_t event_clock_step_ns = ns_per_ms / 4096 + 1;

struct EventClock {
    int64_t last_ns = 0;

    int64_t next(int64_t now_ns) {
        last_ns = now_ns >= last_ns + event_clock_step_ns ? now_ns : last_ns + event_clock_step_ns;
        return last_ns;
    }
};

// The two parts of a time in an id: the milliseconds, and the fraction in 1/4096 ms.
constexpr uint64_t event_time_ms(int64_t time_ns) { return static_cast<uint64_t>(time_ns / ns_per_ms); }
constexpr uint32_t event_time_fraction(int64_t time_ns) { return static_cast<uint32_t>((time_ns % ns_per_ms) * 4096 / ns_per_ms); }
