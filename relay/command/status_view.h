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
    std::optional<double> disk_free_bytes; // nullopt: the server is elsewhere
    std::vector<std::string> notes;

    // The relay's.
    std::string relay_state, relay_problem, delivery, waiting_for;
    std::optional<double> lag_s, events_delivered, events_per_s, last_delivery_s_ago, commit_to_ack_p50_s, commit_to_ack_p99_s;
    std::optional<double> wal_grows_bytes_per_s; // within the last minutes

    std::chrono::duration<double> at{}; // of any clock that only goes forward
};

struct Rates {
    std::optional<double> backlog_bytes_per_s; // by which the backlog shrinks
    std::optional<double> events_per_s;
    std::optional<double> done_in_s;
    std::optional<double> wal_grows_bytes_per_s; // what the slot keeps
    double largest_backlog_bytes = 0;            // since the backlog was last nothing
};

// What two looks and the rates before them say.
Rates rates_of(const StatusView &before, const StatusView &now, const Rates &earlier);

// When the slot is lost, or, without a limit, when the disk is full, if what the slot keeps goes on growing so. Infinity: never; nullopt:
// not known.
std::optional<double> ends_in_s(const StatusView &view, const Rates &rates);

// The screen, each line with its end. A bar and colours for a terminal that has so many columns; 0: it is no terminal.
std::string screen_of(const StatusView &view, const Rates &rates, size_t columns, bool has_colors);

// One object on a line, units in the names.
std::string json_of(const StatusView &view, const Rates &rates);

} // namespace outbox
