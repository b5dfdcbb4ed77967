// How large a batch each topic takes, as Kafka's refusals tell. Kafka compares the size of a batch with the topic's max.message.bytes,
// whoever is in the batch: where one batch was refused for its size, every batch that is as large is refused, too, also one that holds a
// single record. So of ten thousand records that are too large only the smallest ones have to be tried. That is true of batches which are
// not compressed, and for a moment: an operator may raise the limit. Pure; the clock is the caller's. Outlives the sinks. Tested by
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
    static constexpr std::chrono::seconds known_for{10};         // then a record that seems too large is tried again
    static constexpr std::chrono::minutes batches_small_for{60}; // then larger batches are tried again

    // Kafka has refused a batch for its size. `bytes`: what the batch had at most.
    void refused(std::string_view topic, size_t bytes, size_t records, Time now);

    // Kafka would refuse a batch of so many bytes or more.
    bool is_beyond(std::string_view topic, size_t bytes, Time now) const { return !topics_.empty() && knows(topic, bytes, now); }

    // How large batches of several records may be; 0: as large as configured.
    size_t batch_bytes(Time now) const { return batch_bytes_ != 0 && now < narrowed_at_ + batches_small_for ? batch_bytes_ : 0; }

private:
    // A batch that was refused says how large is too large, and not how large is right. A record that is larger than the batches may be is
    // alone in its batch, so a few steps lead to records that are refused by themselves.
    static constexpr size_t shrink = 8;

    struct Limit {
        size_t bytes; // the smallest batch that was refused
        Time learned_at;
    };
    bool knows(std::string_view topic, size_t bytes, Time now) const;

    std::map<std::string, Limit, std::less<>> topics_; // of which a batch was refused: no more than Kafka has
    size_t batch_bytes_ = 0;
    Time narrowed_at_{};
};

} // namespace outbox
