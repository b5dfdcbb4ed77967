// The last ten warnings and errors of the log, for operators who look at the status and not at the log. The log's lines say what happened
// and what to do, and never hold a payload or a secret. A line that comes again moves to the front, with its count. Tested by
// test/unit/troubles_test.cpp.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace outbox {

struct Trouble {
    std::chrono::system_clock::time_point at; // when the line came last
    bool is_error;
    std::string text; // at most 600 bytes of the line
    uint64_t count;
};

class Troubles : public spdlog::sinks::base_sink<std::mutex> {
public:
    static constexpr size_t troubles_max = 10, text_max = 600;

    std::deque<Trouble> get() { // the newest first
        std::lock_guard lock(mutex_);
        return troubles_;
    }

protected:
    void sink_it_(const spdlog::details::log_msg &message) override {
        if (message.level < spdlog::level::warn)
            return;
        std::string text(message.payload.data(), std::min(message.payload.size(), text_max));
        uint64_t count = 1;
        for (auto each = troubles_.begin(); each != troubles_.end(); ++each)
            if (each->text == text) {
                count += each->count;
                troubles_.erase(each);
                break;
            }
        troubles_.push_front({message.time, message.level >= spdlog::level::err, std::move(text), count});
        if (troubles_.size() > troubles_max)
            troubles_.pop_back();
    }
    void flush_() override {}

private:
    std::deque<Trouble> troubles_;
};

} // namespace outbox
