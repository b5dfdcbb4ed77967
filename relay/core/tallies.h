// The figures that the status counts by label: the loop writes, other threads read at any moment. Bounded: at most 200 topics, 400 pairs of
// labels and 100 brokers; further topics and labels count as "other", further brokers are left out. Tested by test/unit/tallies_test.cpp
// and test/t/121_metrics.t.
#pragma once

#include "core/by_name.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox {

// A counter for one writing thread: no addition needs a locked instruction of the processor.
class Tally {
public:
    void add(uint64_t more) { count_.store(count_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed); }
    uint64_t get() const { return count_.load(std::memory_order_relaxed); }

private:
    std::atomic<uint64_t> count_{0};
};

// Events and bytes of each topic. A topic has a number, which an entry keeps until its event is delivered.
class TopicTallies {
public:
    using Number = uint16_t; // 0: of the topics beyond the first 200
    static constexpr size_t topics_max = 200;

    TopicTallies() { numbers_.at(names_[0]) = 0; } // a topic of that name has no series of its own

    // For the loop's thread.
    Number number_of(std::string_view topic) {
        if (topic == names_[last_])
            return last_;
        if (const Number *known = numbers_.find(topic))
            return last_ = *known;
        size_t count = count_.load(std::memory_order_relaxed);
        if (count > topics_max)
            return 0;
        names_[count] = topic;
        numbers_.at(topic) = static_cast<Number>(count);
        count_.store(count + 1, std::memory_order_release);
        return last_ = static_cast<Number>(count);
    }
    void delivered(Number topic, uint64_t bytes) {
        topics_[topic].events.add(1);
        topics_[topic].bytes.add(bytes);
    }

    // For any thread: calls `each` with the name, the events and the bytes of every topic; the topics beyond the bound come first, as
    // "other".
    template <typename Each>
    void for_each(Each each) const {
        size_t count = count_.load(std::memory_order_acquire);
        for (size_t i = 0; i < count; i++)
            each(std::string_view(names_[i]), topics_[i].events.get(), topics_[i].bytes.get());
    }

private:
    struct Topic {
        Tally events, bytes;
    };
    std::array<std::string, topics_max + 1> names_{"other"};
    std::array<Topic, topics_max + 1> topics_;
    std::atomic<size_t> count_{1};
    Number last_ = 0;
    ByName<Number> numbers_;
};

// Counts of rare things, by two labels.
class LabelledCounts {
public:
    using Labels = std::pair<std::string, std::string>;
    static constexpr size_t labels_max = 400;

    void add(const std::string &first, const std::string &second = {}) {
        std::lock_guard lock(mutex_);
        bool is_full = counts_.size() >= labels_max && counts_.find({first, second}) == counts_.end();
        counts_[is_full ? Labels{"other", "other"} : Labels{first, second}]++;
    }
    std::map<Labels, uint64_t> get() const {
        std::lock_guard lock(mutex_);
        return counts_;
    }

private:
    mutable std::mutex mutex_;
    std::map<Labels, uint64_t> counts_;
};

// A histogram of durations, in buckets from half a millisecond to a minute.
class Durations {
public:
    static constexpr std::array<uint64_t, 16> bounds_us = {500,    1000,   2500,    5000,    10000,   25000,    50000,    100000,
                                                           250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000};

    void add(int64_t took_us) {
        auto us = static_cast<uint64_t>(took_us < 0 ? 0 : took_us);
        size_t bucket = 0;
        while (bucket < bounds_us.size() && us > bounds_us[bucket])
            bucket++;
        buckets_[bucket].add(1);
        sum_us_.add(us);
    }

    using Buckets = std::array<uint64_t, bounds_us.size() + 1>; // the last one has no bound
    Buckets buckets() const {
        Buckets counts{};
        for (size_t i = 0; i < counts.size(); i++)
            counts[i] = buckets_[i].get();
        return counts;
    }
    uint64_t sum_us() const { return sum_us_.get(); }

    // The smallest bucket's bound below which `part` of all durations lie: the largest bound where no bucket reaches so far, negative where
    // there are no durations.
    static double quantile_s(const Buckets &counts, double part) {
        uint64_t all = 0, seen = 0;
        for (uint64_t count : counts)
            all += count;
        for (size_t i = 0; i < bounds_us.size(); i++)
            if (seen += counts[i]; all != 0 && static_cast<double>(seen) >= part * static_cast<double>(all))
                return static_cast<double>(bounds_us[i]) / 1e6;
        return all == 0 ? -1 : static_cast<double>(bounds_us.back()) / 1e6;
    }

private:
    std::array<Tally, bounds_us.size() + 1> buckets_;
    Tally sum_us_;
};

// The figures that librdkafka publishes every ten seconds (statistics.interval.ms).
struct KafkaFigures {
    struct Broker {
        double round_trip_p50_s = 0, round_trip_p99_s = 0; // of the last ten seconds
        double round_trip_sum_s = 0;                       // since the process began
        uint64_t round_trips = 0;
        double throttle_s = 0; // the longest of the last ten seconds
    };
    static constexpr size_t brokers_max = 100;

    std::map<int, Broker> brokers; // by the number that Kafka gives them
    uint64_t queue_events = 0, queue_bytes = 0;
    std::chrono::steady_clock::time_point at{};
};

class SharedKafkaFigures {
public:
    // Adds the round trips of the last ten seconds to those of earlier windows.
    void set(KafkaFigures figures) {
        std::lock_guard lock(mutex_);
        for (auto &[id, broker] : figures.brokers)
            if (auto before = figures_.brokers.find(id); before != figures_.brokers.end()) {
                broker.round_trip_sum_s += before->second.round_trip_sum_s;
                broker.round_trips += before->second.round_trips;
            }
        figures_ = std::move(figures);
    }
    void forget() { // producers publish no statistics any more
        std::lock_guard lock(mutex_);
        figures_ = {};
    }
    KafkaFigures get() const {
        std::lock_guard lock(mutex_);
        return figures_;
    }

private:
    mutable std::mutex mutex_;
    KafkaFigures figures_;
};

struct Tallies {
    TopicTallies topics;            // delivered events
    LabelledCounts set_aside;       // by topic and reason
    LabelledCounts delivery_errors; // by Kafka's name of the error
    LabelledCounts transactions;    // Kafka transactions, by how they ended
    LabelledCounts reconnects;      // by peer and reason
    Durations commit_to_ack;        // from a commit until Kafka has acknowledged a run of its events
    SharedKafkaFigures kafka;
};

} // namespace outbox
