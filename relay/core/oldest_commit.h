// The commit time of the oldest transaction that is not delivered yet, to ten milliseconds. Pure. Tested by
// test/unit/oldest_commit_test.cpp.
//
// The first transaction of ten milliseconds stands for all that committed within them, so that many transactions in flight cost little
// memory.
#pragma once

#include <cstdint>
#include <deque>

namespace outbox {

class OldestCommit {
public:
    void begun(uint64_t transaction, int64_t commit_time_ms) {
        if (marks_.empty() || commit_time_ms >= marks_.back().commit_time_ms + resolution_ms)
            marks_.push_back({transaction, commit_time_ms});
    }

    // `oldest`: the number of the oldest transaction in flight; `begun`: how many transactions have begun. Returns milliseconds since 1970;
    // 0: none is in flight.
    int64_t commit_time_ms(uint64_t oldest, uint64_t begun) {
        if (oldest == begun) {
            marks_.clear();
            return 0;
        }
        while (marks_.size() > 1 && marks_[1].transaction <= oldest)
            marks_.pop_front();
        return marks_.empty() ? 0 : marks_.front().commit_time_ms;
    }

private:
    static constexpr int64_t resolution_ms = 10;

    struct Mark {
        uint64_t transaction;
        int64_t commit_time_ms;
    };
    std::deque<Mark> marks_;
};

} // namespace outbox
