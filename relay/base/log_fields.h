// What a line of the log is about, for machines: with --log-format json a line is an object with these fields beside time, level and
// message. An event is one word of a fixed vocabulary, by which a change of state can be looked for. Tested by test/t/116_log_fields.t.
#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace outbox {

// docs/operating.md has them.
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
    std::string topic = {}, id = {}, lsn = {}, code = {}; // empty: not of this line
};

// The slot that every line is about from now on.
void log_slot(const std::string &slot);

// The lines of this thread, as long as it lives.
class LogScope {
public:
    explicit LogScope(const LogFields &fields);
    ~LogScope();
    LogScope(const LogScope &) = delete;
    LogScope &operator=(const LogScope &) = delete;
};

// One line with fields.
template <class... Arguments>
void say(spdlog::level::level_enum level, const LogFields &fields, spdlog::format_string_t<Arguments...> words, Arguments &&...arguments) {
    LogScope scope(fields);
    spdlog::log(level, words, std::forward<Arguments>(arguments)...);
}

} // namespace outbox
