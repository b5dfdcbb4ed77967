// When the next Kafka transaction begins after one that was aborted: at once, or after a pause where several in a row were aborted. After
// eight in a row the pace throws SinkFailure, so that another producer tries. The clock is the caller's. Tested by
// test/unit/abort_pace_test.cpp.
#pragma once

#include "base/log.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/sink.h"

#include <string>

namespace outbox {

class AbortPace {
public:
    static constexpr int in_a_row_max = 8;

    // A Kafka transaction has been aborted. The next one begins at `now`, unless failed() says otherwise.
    void aborted(Clock::time_point now) { next_at_ = now; }

    // The abort had another reason than refused records that an examination explains. Throws SinkFailure after too many in a row. After a
    // refusal librdkafka 2.0 fails the next Kafka transaction as well, for the gap in the sequence numbers, so one such failure during an
    // examination causes no pause.
    void failed(const std::string &why, bool is_examining) {
        if (is_examining && in_a_row_ == 0) {
            in_a_row_++;
            return;
        }
        if (condition_.changed(why))
            spdlog::warn("{}; aborting the Kafka transaction and repeating it", why);
        if (++in_a_row_ > in_a_row_max)
            throw SinkFailure(fmt::format("{} Kafka transactions in a row were aborted: {}", in_a_row_, why));
        next_at_ += backoff_.next();
    }

    // Kafka has accepted a record, or has named the record that it refuses: the next abort is the first in a row.
    void progressed() { in_a_row_ = 0; }

    void committed() {
        in_a_row_ = 0;
        backoff_.reset();
        if (condition_.clear())
            spdlog::info("Kafka transactions are committed again");
    }

    Clock::time_point next_at() const { return next_at_; }

private:
    int in_a_row_ = 0;
    Clock::time_point next_at_;
    Backoff backoff_{std::chrono::milliseconds(5000)};
    Condition condition_;
};

} // namespace outbox
