// Fifteen minutes of the status, a sample every five seconds, about 30 kB. The status server's thread takes the samples. Rates and recent
// quantiles are differences of two samples, so the loop does not compute them. Tested by test/unit/samples_test.cpp.
#pragma once

#include "core/status.h"

#include <deque>
#include <optional>

namespace outbox {

struct Sample {
    std::chrono::system_clock::time_point at;
    double lag_s;
    uint64_t events;
    int64_t retained_bytes; // negative: not known
    Durations::Buckets commit_to_ack;
};

class Samples {
public:
    using Time = Status::Clock::time_point;
    static constexpr size_t samples_max = 180;
    static constexpr auto interval = std::chrono::seconds(5);

    Time due_at() const { return due_at_; }

    void take(const Status &status, Time now) {
        due_at_ = now + interval;
        if (samples_.size() == samples_max)
            samples_.pop_front();
        samples_.push_back(sample_of(status));
    }
    const std::deque<Sample> &all() const { return samples_; } // the oldest first

    static Sample sample_of(const Status &status) {
        auto now = std::chrono::system_clock::now();
        return {now, status.lag_s(now), status.events_delivered, status.slot.retained_bytes, status.tallies->commit_to_ack.buckets()};
    }

    // The sample of about a minute ago, or else the oldest; null: there is none.
    const Sample *a_minute_ago() const { return samples_.empty() ? nullptr : &samples_[samples_.size() > 12 ? samples_.size() - 12 : 0]; }

    // Events a second between two samples.
    static double rate(const Sample &from, const Sample &to) {
        double seconds = std::chrono::duration<double>(to.at - from.at).count();
        return seconds <= 0 || to.events < from.events ? 0 : static_cast<double>(to.events - from.events) / seconds;
    }
    // The growth in bytes a second of the WAL that the slot keeps, over the samples of the last fifteen minutes; nullopt: not known.
    std::optional<double> retained_grows(const Sample &now) const {
        for (const Sample &from : samples_) {
            double seconds = std::chrono::duration<double>(now.at - from.at).count();
            if (from.retained_bytes >= 0 && now.retained_bytes >= 0 && seconds >= 30)
                return static_cast<double>(now.retained_bytes - from.retained_bytes) / seconds;
        }
        return std::nullopt;
    }

    // The durations that came between two samples.
    static Durations::Buckets between(const Sample &from, const Sample &to) {
        Durations::Buckets buckets{};
        for (size_t i = 0; i < buckets.size(); i++)
            buckets[i] = to.commit_to_ack[i] - from.commit_to_ack[i];
        return buckets;
    }

private:
    std::deque<Sample> samples_;
    Time due_at_{};
};

} // namespace outbox
