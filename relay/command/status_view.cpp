#include "command/status_view.h"

#include "command/doctor/finding.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace outbox {
namespace {

constexpr const char *red = "\033[31m", *yellow = "\033[33m", *green = "\033[32m", *plain = "\033[0m";

std::string duration_text(double seconds) {
    if (seconds < 120)
        return fmt::format("{:.1f} s", seconds);
    if (seconds < 7200)
        return fmt::format("{:.0f} min", seconds / 60);
    return seconds < 172800 ? fmt::format("{:.0f} h", seconds / 3600) : fmt::format("{:.0f} d", seconds / 86400);
}

std::string state_of(const StatusView &view) {
    if (view.wal_status == "lost")
        return "slot lost";
    if (!view.relay_state.empty())
        return view.relay_state;
    return view.process.empty() ? "no relay" : "read by PID " + view.process;
}

std::string backlog_line(const StatusView &view, const Rates &rates) {
    std::string line = "  backlog    " + bytes_text(view.backlog_bytes);
    if (rates.backlog_bytes_per_s && view.backlog_bytes > 0)
        line += *rates.backlog_bytes_per_s > 0 ? "   falls by " + bytes_text(*rates.backlog_bytes_per_s) + "/s" : "   does not fall";
    if (rates.done_in_s)
        line += "   done in " + duration_text(*rates.done_in_s);
    return line + "\n";
}

std::string bar_line(const StatusView &view, const Rates &rates, size_t columns) {
    if (columns < 40 || view.backlog_bytes <= 0 || rates.largest_backlog_bytes <= 0)
        return "";
    double done = std::clamp(1 - view.backlog_bytes / rates.largest_backlog_bytes, 0.0, 1.0);
    size_t width = std::min<size_t>(columns - 24, 60), full = static_cast<size_t>(done * static_cast<double>(width));
    return "             [" + std::string(full, '#') + std::string(width - full, '.') + fmt::format("] {:3.0f} %\n", done * 100);
}

std::string milliseconds_text(double seconds) { return seconds < 1 ? fmt::format("{:.1f} ms", seconds * 1000) : duration_text(seconds); }

std::string wal_line(const StatusView &view, const Rates &rates) {
    std::string line = "  WAL        " + bytes_text(view.retained_wal_bytes) + " kept";
    if (std::optional<double> left_s = ends_in_s(view, rates))
        line += (view.safe_wal_bytes ? "   slot lost in: " : "   disk full in: ") +
                (std::isinf(*left_s) ? std::string("never") : duration_text(*left_s)) + " at this rate";
    return line + (view.oldest_transaction_s ? "   oldest transaction " + duration_text(*view.oldest_transaction_s) : "") + "\n";
}

std::string delivered_line(const StatusView &view, const Rates &rates) {
    std::optional<double> events_per_s = rates.events_per_s ? rates.events_per_s : view.events_per_s;
    std::string line;
    if (view.events_delivered)
        line += fmt::format("{:.0f} events", *view.events_delivered);
    if (events_per_s)
        line += fmt::format("   {:.0f} events/s", *events_per_s);
    if (view.last_delivery_s_ago)
        line += "   the last " + duration_text(*view.last_delivery_s_ago) + " ago";
    if (view.commit_to_ack_p50_s && view.commit_to_ack_p99_s)
        line += "   commit to Kafka p50 " + milliseconds_text(*view.commit_to_ack_p50_s) + ", p99 " +
                milliseconds_text(*view.commit_to_ack_p99_s);
    return line.empty() ? "" : "  delivered  " + line + "\n";
}

std::string slot_line(const StatusView &view) {
    std::string line = "  slot       " + (view.wal_status.empty() ? "unknown" : view.wal_status);
    line += view.safe_wal_bytes ? "   lost after " + bytes_text(*view.safe_wal_bytes) + " more" : "   no limit";
    line += fmt::format("   catalog rows of {:.0f} transactions", view.catalog_xmin_age);
    return line + (view.is_failover ? "   failover\n" : "\n");
}

} // namespace

Rates rates_of(const StatusView &before, const StatusView &now, const Rates &earlier) {
    Rates rates;
    rates.largest_backlog_bytes =
        now.backlog_bytes <= 0 ? 0 : std::max({earlier.largest_backlog_bytes, before.backlog_bytes, now.backlog_bytes});
    double seconds = (now.at - before.at).count();
    if (seconds <= 0)
        return rates;
    double falls = (before.backlog_bytes - now.backlog_bytes) / seconds;
    rates.backlog_bytes_per_s = falls;
    rates.wal_grows_bytes_per_s = (now.retained_wal_bytes - before.retained_wal_bytes) / seconds;
    if (falls > 0 && now.backlog_bytes > 0)
        rates.done_in_s = now.backlog_bytes / falls;
    if (before.events_delivered && now.events_delivered && *now.events_delivered >= *before.events_delivered)
        rates.events_per_s = (*now.events_delivered - *before.events_delivered) / seconds;
    return rates;
}

// Prefers the relay's figure, which covers minutes, to the difference of two looks, which covers seconds.
std::optional<double> ends_in_s(const StatusView &view, const Rates &rates) {
    std::optional<double> grows = view.wal_grows_bytes_per_s ? view.wal_grows_bytes_per_s : rates.wal_grows_bytes_per_s;
    std::optional<double> left = view.safe_wal_bytes ? view.safe_wal_bytes : view.disk_free_bytes;
    if (!grows || !left)
        return std::nullopt;
    return *grows > 0 ? std::max(0.0, *left) / *grows : std::numeric_limits<double>::infinity();
}

std::string screen_of(const StatusView &view, const Rates &rates, size_t columns, bool has_colors) {
    std::string state = state_of(view);
    bool is_bad = view.wal_status == "lost" || view.wal_status == "unreserved", is_good = state == "streaming";
    const char *color = !has_colors ? "" : is_bad ? red : is_good ? green : yellow;
    std::string screen = fmt::format("{}  {}{}{}   {}@{} timeline {}   extension {}{}\n", view.slot, color, state, has_colors ? plain : "",
                                     view.database, view.host, view.timeline, view.extension.empty() ? "missing" : view.extension,
                                     view.delivery.empty() ? "" : "   " + view.delivery);
    screen += "  lag        " + (view.lag_s ? duration_text(*view.lag_s) : std::string("only the relay knows (--listen)")) + "\n";
    screen += backlog_line(view, rates) + bar_line(view, rates, columns);
    screen += wal_line(view, rates) + delivered_line(view, rates) + slot_line(view);
    if (!view.waiting_for.empty())
        screen += "  waits      " + view.waiting_for + "\n";
    if (!view.relay_problem.empty())
        screen += "  relay      " + view.relay_problem + "\n";
    for (const std::string &note : view.notes)
        screen += "  note       " + note + "\n";
    return screen;
}

std::string json_of(const StatusView &view, const Rates &rates) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
    auto text = [&](const char *key, const std::string &value) {
        json.Key(key);
        value.empty() ? json.Null() : json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    };
    auto number = [&](const char *key, std::optional<double> value) {
        json.Key(key);
        if (!value)
            json.Null();
        else
            *value == std::floor(*value) && std::abs(*value) < 1e15 ? json.Int64(static_cast<int64_t>(*value)) : json.Double(*value);
    };
    json.StartObject();
    text("slot", view.slot);
    text("state", state_of(view));
    text("database", view.database);
    text("host", view.host);
    number("timeline", view.timeline);
    text("extension", view.extension);
    text("reader_pid", view.process);
    text("wal_status", view.wal_status);
    number("lag_seconds", view.lag_s);
    number("backlog_bytes", view.backlog_bytes);
    number("backlog_falls_bytes_per_second", rates.backlog_bytes_per_s);
    number("done_in_seconds", rates.done_in_s);
    number("retained_wal_bytes", view.retained_wal_bytes);
    number("safe_wal_bytes", view.safe_wal_bytes);
    number("disk_free_bytes", view.disk_free_bytes);
    std::optional<double> ends_in = ends_in_s(view, rates);
    ends_in = ends_in && std::isinf(*ends_in) ? std::nullopt : ends_in; // never: no number
    number("slot_lost_in_seconds", view.safe_wal_bytes ? ends_in : std::nullopt);
    number("disk_full_in_seconds", view.safe_wal_bytes ? std::nullopt : ends_in);
    number("catalog_xmin_age_transactions", view.catalog_xmin_age);
    number("oldest_transaction_seconds", view.oldest_transaction_s);
    number("events_delivered", view.events_delivered);
    number("events_per_second", rates.events_per_s ? rates.events_per_s : view.events_per_s);
    number("last_delivery_seconds_ago", view.last_delivery_s_ago);
    number("commit_to_ack_p50_seconds", view.commit_to_ack_p50_s);
    number("commit_to_ack_p99_seconds", view.commit_to_ack_p99_s);
    text("delivery", view.delivery);
    text("waiting_for", view.waiting_for);
    text("relay_problem", view.relay_problem);
    json.Key("notes");
    json.StartArray();
    for (const std::string &note : view.notes)
        json.String(note.data(), static_cast<rapidjson::SizeType>(note.size()));
    json.EndArray();
    json.EndObject();
    return buffer.GetString();
}

} // namespace outbox
