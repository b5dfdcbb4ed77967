// The content of the screen of `status`, and its text. Pure. Tested by test/unit/status_view_test.cpp.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

// One look at the server and the relay; nullopt: not known. A record of figures, hence the many members.
struct StatusView {
    std::string slot, database, host, extension, wal_status, process; // process: of the slot's holder; empty: none
    unsigned timeline = 0;
    double backlog_bytes = 0, retained_wal_bytes = 0;
    std::optional<double> safe_wal_bytes; // nullopt: unlimited
    double catalog_xmin_age = 0;
    std::optional<double> oldest_transaction_s;
    bool is_failover = false;
    std::optional<double> disk_free_bytes; // nullopt: the server runs elsewhere
    std::vector<std::string> notes;

    // The relay's figures.
    std::string relay_state, relay_problem, delivery, waiting_for;
    std::optional<double> lag_s, events_delivered, events_per_s, last_delivery_s_ago, commit_to_ack_p50_s, commit_to_ack_p99_s;
    std::optional<double> wal_grows_bytes_per_s; // over the last minutes

    std::chrono::duration<double> at{}; // by any clock that never goes back
};

struct Rates {
    std::optional<double> backlog_bytes_per_s; // by which the backlog shrinks
    std::optional<double> events_per_s;
    std::optional<double> done_in_s;
    std::optional<double> wal_grows_bytes_per_s; // of the WAL that the slot keeps
    double largest_backlog_bytes = 0;            // since the backlog was last empty
};

// The rates between two looks, with the earlier rates in mind.
Rates rates_of(const StatusView &before, const StatusView &now, const Rates &earlier);

// The seconds until the slot is lost, or, without a limit, until the disk is full, while the WAL that the slot keeps grows at this rate.
// Infinity: never; nullopt: not known.
std::optional<double> ends_in_s(const StatusView &view, const Rates &rates);

// The screen, each line with its end. A terminal with so many `columns` gets a bar and colours; 0: no terminal.
std::string screen_of(const StatusView &view, const Rates &rates, size_t columns, bool has_colors);

// One JSON object on a line, units in the names.
std::string json_of(const StatusView &view, const Rates &rates);

} // namespace outbox
