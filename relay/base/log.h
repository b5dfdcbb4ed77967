// Logging to standard error through spdlog: lines of text for people, or one JSON object a line for machines. No caller passes the content
// of an event to the log.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <set>
#include <string>
#include <string_view>

namespace outbox {

enum class LogFormat { text, json };

void start_logging(LogFormat format, spdlog::level::level_enum level);

// The text in lower case, with "#" in place of each number: process ids, ports, addresses, LSNs, names of temporary files. Names of topics
// and ids of events stay, since each topic and each event is a matter of its own.
std::string without_numbers(std::string_view text);

// Bounds the log lines that others can cause, by forged messages for example, to ten a second.
class FewLines {
public:
    bool may_speak(std::chrono::steady_clock::time_point now) {
        if (now - since_ >= std::chrono::seconds(1)) {
            since_ = now;
            lines_ = 0;
        }
        return lines_++ < 10;
    }

private:
    std::chrono::steady_clock::time_point since_;
    int lines_ = 0;
};

// Tells when a condition has changed, so that a loop that meets the condition at every turn logs it once. Tested by test/unit/log_test.cpp.
class Condition {
public:
    // True where `now` differs from the last text by more than numbers and case.
    bool changed(const std::string &now) {
        std::string text = without_numbers(now);
        if (text == said_)
            return false;
        said_ = std::move(text);
        return true;
    }
    bool stands() const { return !said_.empty(); }
    bool clear() { return changed({}); } // true where a condition stood

private:
    std::string said_;
};

// Several conditions that take turns, as where each host of a connection string fails for its own reason: each is new once, until clear().
// Remembers 32 texts at most.
class Conditions {
public:
    bool changed(const std::string &now) {
        if (said_.size() == remembered_max)
            said_.clear();
        return said_.insert(without_numbers(now)).second;
    }
    void clear() { said_.clear(); }

private:
    static constexpr size_t remembered_max = 32;
    std::set<std::string> said_;
};

} // namespace outbox
