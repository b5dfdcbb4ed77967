// Logging to standard error through spdlog: for people as text, for machines as one JSON object a line. Events' contents never get here.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace outbox {

enum class LogFormat { text, json };

void start_logging(LogFormat format, spdlog::level::level_enum level);

// Says a condition when it changes, not as often as it is met.
class Condition {
public:
    // True where `now` differs from what was said last.
    bool changed(const std::string &now) {
        if (now == said_)
            return false;
        said_ = now;
        return true;
    }
    bool stands() const { return !said_.empty(); }
    bool clear() { return changed({}); } // true where there was something to clear

private:
    std::string said_;
};

} // namespace outbox
