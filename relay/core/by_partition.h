// Entries by partition of one topic. An entry is made when its partition is first met, so there are at most as many as the topic has
// partitions. Pure. Tested by test/unit/known_partitions_test.cpp and test/unit/log_ends_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace outbox {

template <class Entry>
class ByPartition {
public:
    // The reference is good until at() meets another partition.
    Entry &at(int32_t partition) {
        auto index = static_cast<size_t>(partition);
        if (index >= entries_.size())
            entries_.resize(index + 1);
        return entries_[index];
    }
    // Null: at() has not met the partition.
    const Entry *find(int32_t partition) const {
        auto index = static_cast<size_t>(partition);
        return index < entries_.size() ? &entries_[index] : nullptr;
    }
    auto begin() { return entries_.begin(); }
    auto end() { return entries_.end(); }

private:
    std::vector<Entry> entries_;
};

} // namespace outbox
