// The status for people: what the page shows and /status says, worked out once for both. Tested by test/unit/screen_test.cpp.
#pragma once

#include "watch/samples.h"
#include "watch/troubles.h"

#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct Screen {
    std::string word;   // the state, as everywhere; or that the relay catches up
    std::string advice; // what it means and what to do; empty: nothing is to be done
    bool is_good;       // it does what it is there for
    std::string waiting_for;
    double lag_s;
    std::optional<int64_t> backlog_bytes, retained_wal_bytes, catalog_xmin_age; // absent: the server has not said it within a minute
    std::optional<int64_t> safe_wal_bytes;                                      // SlotFigures::unlimited: without a bound
    std::string slot_state;                                                     // empty: not known
    std::optional<bool> slot_active, failover_ready;
    double events_per_second;                                                       // of the last minute
    std::optional<double> delivery_s_ago, commit_to_ack_p50_s, commit_to_ack_p99_s; // the latter of the last minute
    uint64_t set_aside, rejected;
    std::vector<std::string> notes;
};

Screen screen_of(const Status &status, const Samples &samples);

// How the relay is, each thing by itself, for /readyz?verbose.
struct Check {
    const char *name;
    bool is_good;
    std::string why;
};
std::vector<Check> checks_of(const Status &status);

// "16.8 MB", "1,240", "0.4 ms".
std::string bytes_text(int64_t bytes);
std::string count_text(uint64_t count);
std::string seconds_text(double seconds);

} // namespace outbox
