#include "config/reload.h"

#include "base/log_fields.h"
#include "kafka/property_sources.h"

#include <algorithm>

namespace outbox {

std::string Reload::waiting_for_restart(const Effective &now) const {
    auto same_text = [](const Given &one, const Given &other) { return one.text == other.text; };
    std::string keys;
    for (const Setting &row : settings()) {
        const std::vector<Given> &before = in_force_.of(row), &after = now.of(row);
        bool is_same = std::equal(before.begin(), before.end(), after.begin(), after.end(), same_text);
        if (std::string key = key_of(row); !is_same && !key.empty() && (row.traits & reloadable) == 0)
            keys += (keys.empty() ? "" : ", ") + key;
    }
    return keys;
}

void Reload::apply_to(RunCommand &run) const {
    Effective now;
    try {
        now = read_settings(argc_, argv_);
        Values values = now.values();
        std::vector<KafkaProperty> base = base_properties(values);
        if (!run.kafka.brokers.empty())
            check_kafka_properties(gather_properties(base, values.property_file, run.kafka.own_properties), run.kafka.exactly_once);
        run.kafka.base_properties = std::move(base);
        run.kafka.property_file = values.property_file;
        run.relay.bounds = bounds(values);
        say(spdlog::level::info, {.event = LogEvent::settings_read}, "the settings were read again");
        start_logging(values.log_format, values.log_level);
    } catch (const std::exception &error) {
        say(spdlog::level::warn, {.event = LogEvent::settings_refused},
            "the settings cannot be read again: {}; the relay goes on with the earlier settings", error.what());
        return;
    }
    if (std::string keys = waiting_for_restart(now); !keys.empty())
        say(spdlog::level::warn, {.event = LogEvent::restart_needed}, "the relay must be restarted for changes of these settings: {}",
            keys);
}

} // namespace outbox
