// Logging to standard error through spdlog: for people as text, for machines as one JSON object a line. Events' contents never get here.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <set>
#include <string>
#include <string_view>

namespace outbox {

enum class LogFormat { text, json };

void start_logging(LogFormat format, spdlog::level::level_enum level);

// The text with "#" for each number in it: process ids, ports, addresses, LSNs, names of temporary files. The names of topics and the ids
// of events stay as they are, because each of them is a matter of its own.
std::string without_numbers(std::string_view text);

// A bound on what others can make the log say: ten lines a second.
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

// Says a condition when it changes, not as often as it is met. Tested by test/unit/log_test.cpp.
class Condition {
public:
    // True where `now` differs from what was said last by more than its numbers.
    bool changed(const std::string &now) {
        std::string text = without_numbers(now);
        if (text == said_)
            return false;
        said_ = std::move(text);
        return true;
    }
    bool stands() const { return !said_.empty(); }
    bool clear() { return changed({}); } // true where there was something to clear

private:
    std::string said_;
};

// Several conditions that take turns, as where each host of a connection string has its own reason: each is said once, until all are over.
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
