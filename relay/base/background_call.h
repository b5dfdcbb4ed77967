// A call that blocks, made on a thread of its own, while the loop goes on: one at a time. The caller starts the call, and takes the answer
// after the eventfd has woken the loop. Tested by test/unit/background_call_test.cpp.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace outbox {

template <class Answer>
class BackgroundCall {
public:
    // The destructor waits for a call that is running: how long a call may take is bounded by the function that it calls.

    // Called while no call is running. The thread writes to the eventfd when the answer is there; the eventfd stays open until then.
    template <class Function>
    void start(Function function, int wakeup) {
        join();
        std::promise<Answer> promise;
        answer_ = promise.get_future();
        // The promise is kept before the loop is woken, so that the loop never looks too early.
        thread_ = std::jthread([promise = std::move(promise), function = std::move(function), wakeup]() mutable {
            promise.set_value(function());
            uint64_t one = 1;
            [[maybe_unused]] ssize_t written = write(wakeup, &one, sizeof(one));
        });
    }

    bool is_running() const { return answer_.valid(); } // true, too, while an answer has not been taken
    bool is_answered() const { return is_running() && answer_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
    // nullopt: there is no answer yet.
    std::optional<Answer> take() {
        if (!is_answered())
            return std::nullopt;
        return std::exchange(answer_, {}).get();
    }
    // Waits for a call that is running, and drops its answer.
    void join() {
        if (thread_.joinable())
            thread_.join();
        answer_ = {};
    }

private:
    std::future<Answer> answer_;
    std::jthread thread_;
};

} // namespace outbox
