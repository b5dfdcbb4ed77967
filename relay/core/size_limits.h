// The size of a batch that each topic refuses, learned from Kafka's refusals. Kafka compares the size of a batch with the topic's
// max.message.bytes: where one batch was refused for its size, every batch that is as large is refused, too, even one with a single record.
// Of ten thousand records that are too large, the relay has to try only the smallest ones. That rule holds for batches without compression,
// and for a while, since an operator may raise the limit. Pure; the clock is the caller's. Outlives the sinks. Tested by
// test/unit/size_limits_test.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace outbox {

class SizeLimits {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds known_for{10};         // afterwards a record that seems too large is tried again
    static constexpr std::chrono::minutes batches_small_for{60}; // afterwards larger batches are tried again

    // Kafka has refused a batch for its size. `bytes`: the most that the batch can have had. `made_with`: what batch_bytes() was when the
    // batch was made. Several batches are on their way at once, and what the first refusal says holds for the others, too.
    void refused(std::string_view topic, size_t bytes, size_t records, size_t made_with, Time now);

    bool empty() const { return topics_.empty(); } // no batch was refused: none is beyond a limit that is known
    // True where Kafka would refuse a batch of so many bytes.
    bool is_beyond(std::string_view topic, size_t bytes, Time now) const { return !topics_.empty() && knows(topic, bytes, now); }

    // The most bytes of a batch with several records; 0: as configured.
    size_t batch_bytes(Time now) const { return batch_bytes_ != 0 && now < narrowed_at_ + batches_small_for ? batch_bytes_ : 0; }

private:
    // A refused batch says which size is too large, and not which one is right. A record that is larger than the batches may be is alone in
    // its batch, so a few steps lead to records that are refused by themselves.
    static constexpr size_t shrink = 8;

    struct Limit {
        size_t bytes; // the smallest batch that was refused
        Time learned_at;
    };
    bool knows(std::string_view topic, size_t bytes, Time now) const;

    std::map<std::string, Limit, std::less<>> topics_; // topics of which a batch was refused: no more than Kafka has
    size_t batch_bytes_ = 0;
    Time narrowed_at_{};
};

} // namespace outbox
