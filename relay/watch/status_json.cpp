#include "watch/status_json.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>

namespace outbox {
namespace {

int64_t unix_s(std::chrono::system_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

class Object {
public:
    Object() { writer_.StartObject(); }

    void text(const char *name, const std::string &value) {
        writer_.Key(name);
        writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }
    void number(const char *name, double value) {
        writer_.Key(name);
        writer_.Double(std::round(value * 1e6) / 1e6);
    }
    void number(const char *name, std::optional<double> value) { value ? number(name, *value) : null(name); }
    void count(const char *name, int64_t value) {
        writer_.Key(name);
        writer_.Int64(value);
    }
    void count(const char *name, std::optional<int64_t> value) { value &&*value >= 0 ? count(name, *value) : null(name); }
    void truth(const char *name, bool value) {
        writer_.Key(name);
        writer_.Bool(value);
    }
    void truth(const char *name, std::optional<bool> value) { value ? truth(name, *value) : null(name); }

    // Writes an array of objects.
    template <typename All, typename Each>
    void list(const char *name, const All &all, Each each) {
        writer_.Key(name);
        writer_.StartArray();
        for (const auto &one : all) {
            writer_.StartObject();
            each(one);
            writer_.EndObject();
        }
        writer_.EndArray();
    }
    void texts(const char *name, const std::vector<std::string> &all) {
        writer_.Key(name);
        writer_.StartArray();
        for (const std::string &one : all)
            writer_.String(one.data(), static_cast<rapidjson::SizeType>(one.size()));
        writer_.EndArray();
    }

    std::string end() {
        writer_.EndObject();
        return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n";
    }

private:
    void null(const char *name) {
        writer_.Key(name);
        writer_.Null();
    }

    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::CrtAllocator,
                      rapidjson::kWriteNanAndInfFlag>
        writer_{buffer_};
};

} // namespace

std::string status_json(const Status &status, const Samples &samples, const std::deque<Trouble> &troubles) {
    Screen screen = screen_of(status, samples);
    Object json;
    json.text("state", name_of(status.state));
    json.truth("ready", status.state == RelayState::streaming);
    json.text("version", OUTBOX_VERSION);
    json.text("source", status.about.source);
    json.text("slot", status.about.slot);
    json.text("topics", status.about.topics);
    json.text("delivery", status.about.delivery);
    json.text("waiting_for", screen.waiting_for);
    json.text("advice", screen.advice);
    json.count("started_at_unix_seconds", unix_s(status.started_at));
    json.number("lag_seconds", screen.lag_s);
    json.count("backlog_bytes", screen.backlog_bytes);
    json.count("retained_wal_bytes", screen.retained_wal_bytes);
    json.number("retained_wal_grows_bytes_per_second", samples.retained_grows(Samples::sample_of(status)));
    json.count("safe_wal_bytes", screen.safe_wal_bytes);
    json.truth("safe_wal_is_unlimited", screen.safe_wal_bytes == SlotFigures::unlimited);
    json.text("slot_state", screen.slot_state);
    json.truth("slot_active", screen.slot_active);
    json.truth("slot_failover_ready", screen.failover_ready);
    json.count("slot_catalog_xmin_age_transactions", screen.catalog_xmin_age);
    json.count("events_delivered_total", static_cast<int64_t>(status.events_delivered.load()));
    json.count("events_set_aside_total", static_cast<int64_t>(screen.set_aside));
    json.count("messages_rejected_total", static_cast<int64_t>(screen.rejected));
    json.number("events_per_second", screen.events_per_second);
    json.number("last_delivery_seconds_ago", screen.delivery_s_ago);
    json.number("commit_to_ack_p50_seconds", screen.commit_to_ack_p50_s);
    json.number("commit_to_ack_p99_seconds", screen.commit_to_ack_p99_s);
    json.count("in_flight_bytes", static_cast<int64_t>(status.in_flight_bytes.load()));
    json.count("in_flight_transactions", static_cast<int64_t>(status.in_flight_transactions.load()));
    json.texts("notes", screen.notes);
    json.list("last_errors", troubles, [&json](const Trouble &trouble) {
        json.count("at_unix_seconds", unix_s(trouble.at));
        json.text("level", trouble.is_error ? "error" : "warning");
        json.count("times", static_cast<int64_t>(trouble.count));
        json.text("text", trouble.text);
    });
    return json.end();
}

} // namespace outbox
