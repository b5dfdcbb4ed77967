// The highest offset that Kafka has acknowledged in each partition, so that the relay notices a partition whose offsets go back: the
// partition's log has lost records that were acknowledged. An unclean leader election does that, and so does an operator who deletes a
// topic and creates the topic again. Pure. Tested by test/unit/log_ends_test.cpp and test/t/066_unclean_election.t.
//
// Where a partition's leader moves, acknowledgements may arrive in another order than the records. So a record's offset is compared with
// the offsets that were acknowledged before the record was sent: those of an earlier period, and a period ends whenever no record is on its
// way. The relay overlooks a loss where other producers have filled the gap, or where no period has ended since.
#pragma once

#include "core/by_partition.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace outbox {

class LogEnds {
public:
    // The partitions of one topic.
    class Topic {
    public:
        // Notes that a record sent in `period` got `offset`. Returns the highest offset acknowledged so far where `offset` is not beyond
        // those of earlier periods; from then on the partition's offsets count from `offset`.
        std::optional<int64_t> acknowledged(int32_t partition, int64_t offset, uint64_t period) {
            Entry &entry = entries_.at(partition);
            if (entry.period != period) {
                entry.before = entry.highest;
                entry.period = period;
            }
            if (offset <= entry.before) {
                int64_t lost = entry.highest;
                entry = {offset, none, period};
                return lost;
            }
            if (offset > entry.highest)
                entry.highest = offset;
            return std::nullopt;
        }

    private:
        static constexpr int64_t none = -1;
        struct Entry {
            int64_t highest = none; // acknowledged
            int64_t before = none;  // `highest` when the period began
            uint64_t period = 0;
        };

        ByPartition<Entry> entries_;
    };

    // The reference is good for as long as the LogEnds.
    Topic &of(const std::string &topic) { return topics_[topic]; }
    // Kafka says that the topic is gone: another topic of that name may come.
    void gone(const std::string &topic) { topics_[topic] = {}; }

    uint64_t period() const { return period_; }
    void end_period() { period_++; } // called when no record is on its way

private:
    std::unordered_map<std::string, Topic> topics_; // as many as Kafka has
    uint64_t period_ = 1;
};

} // namespace outbox
