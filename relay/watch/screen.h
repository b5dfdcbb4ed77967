// The status for people: the figures that the page and /status show, computed once for both. A record of figures, hence the many members.
// Tested by test/unit/screen_test.cpp.
#pragma once

#include "watch/samples.h"
#include "watch/troubles.h"

#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct Screen {
    std::string word;   // the state in an operator's words, or that the relay catches up
    std::string advice; // the state's meaning and what to do; empty: nothing is to be done
    bool is_good;       // the relay does its work
    std::string waiting_for;
    double lag_s;
    std::optional<int64_t> backlog_bytes, retained_wal_bytes, catalog_xmin_age; // nullopt: the server has not said so within a minute
    std::optional<int64_t> safe_wal_bytes;                                      // SlotFigures::unlimited: no bound
    std::string slot_state;                                                     // empty: not known
    std::optional<bool> slot_active, failover_ready;
    double events_per_second;                                                       // of the last minute
    std::optional<double> delivery_s_ago, commit_to_ack_p50_s, commit_to_ack_p99_s; // the quantiles are of the last minute
    uint64_t set_aside, rejected;
    std::vector<std::string> notes;
};

Screen screen_of(const Status &status, const Samples &samples);

// The checks of /readyz?verbose, one for each part of the relay.
struct Check {
    const char *name;
    bool is_good;
    std::string why;
};
std::vector<Check> checks_of(const Status &status);

// Texts for people: "16.8 MB", "1,240", "0.4 ms".
std::string bytes_text(int64_t bytes);
std::string count_text(uint64_t count);
std::string seconds_text(double seconds);

} // namespace outbox
