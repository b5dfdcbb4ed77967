#include "kafka/flusher.h"

namespace outbox {
namespace {

constexpr int call_ms = 10; // so soon later records linger again, and the flusher ends

} // namespace

Flusher::~Flusher() {
    {
        std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Flusher::flush() {
    {
        std::lock_guard lock(mutex_);
        until_ = Clock::now() + linger_;
    }
    changed_.notify_one();
}

void Flusher::settled() {
    std::lock_guard lock(mutex_);
    until_ = {};
}

void Flusher::run() {
    std::unique_lock lock(mutex_);
    while (!is_ending_) {
        if (Clock::now() >= until_) {
            changed_.wait(lock);
            continue;
        }
        lock.unlock();
        rd_kafka_flush(producer_, call_ms); // returns earlier when every record is acknowledged
        lock.lock();
    }
}

} // namespace outbox
