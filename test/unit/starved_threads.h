// Threads of librdkafka that get hardly any time of a processor, as on a busy machine.
#pragma once

#include <gtest/gtest.h>

#include <sched.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace outbox {

// Threads of librdkafka of this name.
inline std::set<int> threads_named(const std::string &name) {
    std::set<int> found;
    for (const auto &task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string comm;
        std::getline(std::ifstream(task.path() / "comm"), comm);
        if (comm == name)
            found.insert(std::stoi(task.path().filename()));
    }
    return found;
}

// While it lives, the threads wait for a processor that another thread keeps busy.
class StarvedThreads {
public:
    explicit StarvedThreads(const std::set<int> &threads) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(0, &one);
        sched_param none{};
        for (int thread : threads) {
            EXPECT_EQ(sched_setscheduler(thread, SCHED_IDLE, &none), 0);
            EXPECT_EQ(sched_setaffinity(thread, sizeof(one), &one), 0);
        }
        spinner_ = std::jthread([this, one] {
            sched_setaffinity(0, sizeof(one), &one);
            while (!is_over_) {
            }
        });
    }
    ~StarvedThreads() { is_over_ = true; }

private:
    std::atomic<bool> is_over_{false};
    std::jthread spinner_;
};

} // namespace outbox
