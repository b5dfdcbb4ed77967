// Ends the linger of queued records where the linger is long. The thread of a broker sees rd_kafka_flush() only if it wakes up while the
// call lasts, and makes a request for one partition after the other, so a call of a moment may reach few partitions or none. The flusher
// calls from a thread of its own, for as long as a record may linger, and the loop goes on meanwhile.
// Tested by test/unit/at_least_once_sink_test.cpp.
#pragma once

#include "core/clock.h"

#include <librdkafka/rdkafka.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace outbox {

class Flusher {
public:
    // The producer outlives the flusher. `linger` is the producer's linger.ms.
    Flusher(rd_kafka_t *producer, std::chrono::milliseconds linger) : producer_(producer), linger_(linger), thread_([this] { run(); }) {}
    ~Flusher(); // waits for a call that is running: some milliseconds
    Flusher(const Flusher &) = delete;
    Flusher &operator=(const Flusher &) = delete;

    // Every record that is queued by now is sent without a linger.
    void flush();
    // Every record is acknowledged: later ones linger again, after some milliseconds.
    void settled();

private:
    void run();

    rd_kafka_t *producer_;
    std::chrono::milliseconds linger_;
    std::mutex mutex_; // of what follows
    std::condition_variable changed_;
    Clock::time_point until_{}; // when the last record that is to be flushed has lingered in any case
    bool is_ending_ = false;
    std::thread thread_;
};

} // namespace outbox
