// What the screen of `status` shows, and how it is written. Pure. Tested by test/unit/status_view_test.cpp.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

// One look at the server and the relay. What is not known is nullopt.
struct StatusView {
    std::string slot, database, host, extension, wal_status, process; // the process that has the slot; empty: none
    unsigned timeline = 0;
    double backlog_bytes = 0, retained_wal_bytes = 0;
    std::optional<double> safe_wal_bytes; // nullopt: unlimited
    double catalog_xmin_age = 0;
    std::optional<double> oldest_transaction_s;
    bool is_failover = false;
    std::vector<std::string> notes;

    // The relay's.
    std::string relay_state, relay_problem;
    std::optional<double> lag_s, events_delivered;

    std::chrono::duration<double> at{}; // of any clock that only goes forward
};

struct Rates {
    std::optional<double> backlog_bytes_per_s; // by which the backlog shrinks
    std::optional<double> events_per_s;
    std::optional<double> done_in_s;
    double largest_backlog_bytes = 0; // since the backlog was last nothing
};

// What two looks and the rates before them say.
Rates rates_of(const StatusView &before, const StatusView &now, const Rates &earlier);

// The screen, each line with its end. A bar and colours for a terminal that has so many columns; 0: it is no terminal.
std::string screen_of(const StatusView &view, const Rates &rates, size_t columns, bool has_colors);

// One object on a line, units in the names.
std::string json_of(const StatusView &view, const Rates &rates);

// The value of a metric of the relay's text, by its name and labels as they stand there; by its name alone the sum over its labels.
std::optional<double> metric_of(std::string_view text, std::string_view name);

} // namespace outbox
