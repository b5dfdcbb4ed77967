// The partitions of a topic that know a producer, so that more than one of its batches may be on the way to them. Pure: the clock is the
// caller's. Tested by test/unit/known_partitions_test.cpp.
//
// Kafka checks that an idempotent producer's batches come in sequence, but a partition accepts any batch from a producer that the partition
// does not know, or has forgotten. Where the first batch fails and the second is already on the way, the partition appends the second in
// the place of the first, and librdkafka takes the acknowledgement for both: an event is overtaken, or lost. So the first record to a
// partition goes alone.
#pragma once

#include "core/by_partition.h"
#include "core/lanes.h"

#include <chrono>
#include <cstdint>

namespace outbox {

class KnownPartitions {
public:
    using Time = std::chrono::steady_clock::time_point;

    // True while the partition's first record is on the way: no record may follow yet.
    bool awaits_first(int32_t partition) const { return state_of(partition) == State::awaiting; }

    void sent(int32_t partition, Time now) {
        Entry &entry = entries_.at(partition);
        if (entry.state != State::known || now - entry.acknowledged_at > forgotten_after)
            entry.state = State::awaiting;
    }
    void acknowledged(int32_t partition, Time now) {
        Entry &entry = entries_.at(partition);
        entry.state = State::known;
        entry.acknowledged_at = now;
    }
    void failed(int32_t partition) { entries_.at(partition).state = State::unknown; }

    Lanes::Lane &lane(int32_t partition) { return entries_.at(partition).lane; }

    // An operator may have deleted the topic and made a new one: no partition knows the producer.
    void forget() {
        for (Entry &entry : entries_)
            if (entry.state == State::known)
                entry.state = State::unknown;
    }

private:
    static constexpr std::chrono::hours forgotten_after{1}; // far below producer.id.expiration.ms, by default a day

    enum class State : uint8_t { unknown, awaiting, known };
    struct Entry {
        State state = State::unknown;
        Time acknowledged_at{};
        Lanes::Lane lane{};
    };

    State state_of(int32_t partition) const {
        const Entry *entry = entries_.find(partition);
        return entry == nullptr ? State::unknown : entry->state;
    }

    ByPartition<Entry> entries_;
};

} // namespace outbox
