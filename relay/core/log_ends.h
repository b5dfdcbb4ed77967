// How far Kafka has acknowledged the records of each partition, so that a partition whose offsets go back is noticed: its log has lost
// records that were acknowledged. An unclean leader election does that, and an operator who deletes a topic and makes it anew.
// Pure. Tested by test/unit/log_ends_test.cpp and test/t/066_unclean_election.t.
//
// The acknowledgements of one partition may arrive in another order than its records where its leader moves. So a record's offset is
// compared with the offsets that were acknowledged before the record was sent: those of an earlier period, and a period ends whenever no
// record is on its way. A loss is overlooked where other producers have filled the gap, or where no period has ended since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace outbox {

class LogEnds {
public:
    // Of one topic's partitions.
    class Topic {
    public:
        // The highest offset acknowledged before `period`, where `offset`, acknowledged in it, is not beyond. The partition starts anew
        // then.
        std::optional<int64_t> acknowledged(int32_t partition, int64_t offset, uint64_t period) {
            Entry &entry = at(partition);
            if (entry.period != period) {
                entry.before = entry.highest;
                entry.period = period;
            }
            if (offset <= entry.before) {
                int64_t lost = entry.before;
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
            int64_t before = none;  // the same, when the period began
            uint64_t period = 0;
        };

        Entry &at(int32_t partition) {
            auto index = static_cast<size_t>(partition);
            if (index >= entries_.size())
                entries_.resize(index + 1);
            return entries_[index];
        }

        std::vector<Entry> entries_; // as many as the topic has partitions
    };

    // The reference stands as long as this.
    Topic &of(const std::string &topic) { return topics_[topic]; }
    // Kafka says that the topic is gone: another one may come in its place.
    void gone(const std::string &topic) { topics_[topic] = {}; }

    uint64_t period() const { return period_; }
    void end_period() { period_++; } // no record is on its way

private:
    std::unordered_map<std::string, Topic> topics_; // as many as Kafka has
    uint64_t period_ = 1;
};

} // namespace outbox
