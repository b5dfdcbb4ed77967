// The number of events in a Kafka transaction where Kafka is too slow for a full batch. Kafka lets a Kafka transaction stand for
// transaction.timeout.ms, and librdkafka a record in it: a batch that takes longer would be aborted and repeated for ever. After such an
// abort the next Kafka transactions have half of the events that Kafka had accepted by then, and more where they take less than half of
// that time. Pure; the clock is the caller's. Outlives the sessions. Tested by test/unit/part_limit_test.cpp.
#pragma once

#include "core/batch.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace outbox {

class PartLimit {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr size_t everything = SIZE_MAX;

    size_t limit() const { return limit_; }

    // The first event of a Kafka transaction is on its way.
    void began(Time now) { began_at_ = now; }

    // The Kafka transaction took too long. Of its `events` Kafka had accepted so many.
    void timed_out(size_t events, size_t accepted, Time now) {
        too_long_ = now - began_at_;
        limit_ = std::max<size_t>(1, accepted > 0 ? accepted / 2 : std::min(events, limit_) / shrink);
    }

    // A Kafka transaction with so many events was committed.
    void committed(size_t events, Time now) {
        if (events < limit_ || now - began_at_ > too_long_ / 2)
            return;
        limit_ += limit_ / 2 + 1;
        if (limit_ > Batch::events_max)
            limit_ = everything;
    }

private:
    static constexpr size_t shrink = 8;

    size_t limit_ = everything;
    Time began_at_{};
    Time::duration too_long_{};
};

} // namespace outbox
