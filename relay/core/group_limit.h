// The number of records that may be on their way together while the refused ones of a batch are looked for, where Kafka refuses a whole
// batch for another reason than its size and names no record. A refused group comes again in an eighth of its size, down to one record:
// a lone record that Kafka refuses is the guilty one. Accepted records make the groups larger again. Pure. Tested by
// test/unit/group_limit_test.cpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace outbox {

class GroupLimit {
public:
    static constexpr size_t everything = SIZE_MAX;

    size_t limit() const { return limit_; }
    bool is_alone() const { return limit_ == 1; }
    bool stands() const { return limit_ != everything; }

    // Kafka refused a batch of so many records.
    void refused(size_t records) {
        limit_ = std::max<size_t>(1, std::min(records, limit_) / growth);
        accepted_ = 0;
    }

    // Kafka refused one record that was alone.
    void found() { accepted_ = 0; }

    // Kafka accepted so many records.
    void accepted(size_t records) {
        if (!stands())
            return;
        accepted_ += records;
        if (accepted_ < (is_alone() ? run_alone : limit_))
            return;
        accepted_ = 0;
        limit_ = is_alone() ? run_alone * growth : limit_ * growth;
        if (limit_ > limit_max)
            end();
    }

    // Kafka accepted all records: the limit goes.
    void end() {
        limit_ = everything;
        accepted_ = 0;
    }

private:
    // The groups grow after Kafka has accepted this number of lone records in a row. One guilty record in ten keeps the groups from growing
    // then: each growth takes a new producer.
    static constexpr size_t run_alone = 64;
    static constexpr size_t growth = 8;
    static constexpr size_t limit_max = 8192;

    size_t limit_ = everything;
    size_t accepted_ = 0; // records in a row since the last refusal or growth
};

} // namespace outbox
