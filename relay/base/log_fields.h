// The fields that a log line has beside time, level and message with --log-format json. The field `event` is one word of a fixed
// vocabulary: an operator searches the log for that word to find a change of state. Tested by test/t/116_log_fields.t.
#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace outbox {

// docs/operating.md describes each word.
enum class LogEvent {
    started,
    listening,
    streaming,
    stream_waits,
    stream_lost,
    kafka_away,
    kafka_accepts,
    topic_waited,
    topic_there,
    producer_lost,
    event_set_aside,
    event_rejected,
    message_rejected,
    records_lost,
    position,
    server_stops,
    settings_read,
    settings_refused,
    restart_needed,
    exposed,
    stopping,
    stopped,
    stopped_early,
    slot_lost,
    failed,
};

const char *name_of(LogEvent event); // "stream-lost"

struct LogFields {
    LogEvent event;
    std::string topic = {}, id = {}, lsn = {}, code = {}; // empty: the line has no such field
};

// From now on every line names this slot. Called before the process starts a second thread.
void log_slot(const std::string &slot);

// Adds the fields to the lines that this thread logs while the scope lives. The fields outlive the scope.
class LogScope {
public:
    explicit LogScope(const LogFields &fields);
    ~LogScope();
    LogScope(const LogScope &) = delete;
    LogScope &operator=(const LogScope &) = delete;
};

// Logs one line with fields.
template <class... Arguments>
void say(spdlog::level::level_enum level, const LogFields &fields, spdlog::format_string_t<Arguments...> words, Arguments &&...arguments) {
    LogScope scope(fields);
    spdlog::log(level, words, std::forward<Arguments>(arguments)...);
}

} // namespace outbox
