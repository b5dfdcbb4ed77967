// One event for which the stream waits, since Kafka answers its lone record with an error of the topic or with an unknown error. The event
// is tried again until Kafka takes it, an operator skips it, or an unknown error has come so often that it counts as a refusal. The log
// names the event once, with id, topic and transaction. The clock is the caller's. Tested by
// test/unit/at_least_once_refusals_test.cpp.
#pragma once

#include "base/log.h"
#include "core/backoff.h"
#include "core/entry.h"
#include "core/sink.h"
#include "kafka/errors.h"
#include "kafka/refusal_text.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

namespace outbox {

// The bytes of a batch whose records have so many bytes.
inline size_t batch_bytes(size_t records_bytes) {
    constexpr size_t head = 61;
    return head + records_bytes;
}

// A record that Kafka refused.
struct Refused {
    Entry *entry;
    rd_kafka_resp_err_t error;
    std::string topic;
    uint64_t batch; // records of one batch have the same number
};

// The records of one batch that was refused.
struct RefusedBatch {
    std::vector<const Refused *> records;

    const Refused &first() const { return *records.front(); }

    bool is_too_large() const { return is_about_size(first().error); }

    // The most bytes that the batch had, uncompressed: exact for a batch of one record.
    size_t bytes() const {
        constexpr size_t later_record = 14; // the distance from the first record's offset and time, and a length may take a byte more
        size_t bytes = 0;
        for (const Refused *each : records)
            bytes += each->entry->bytes + later_record;
        return batch_bytes(bytes - later_record);
    }

    // True where each record's error is its own: the record was alone, or the broker has named the records that it refuses.
    bool is_told_apart() const {
        return records.size() == 1 ||
               std::any_of(records.begin(), records.end(), [](const Refused *each) { return is_innocent(each->error); });
    }
};

inline std::vector<RefusedBatch> batches_of(const std::vector<Refused> &refused) {
    std::map<uint64_t, RefusedBatch> found;
    for (const Refused &each : refused)
        found[each.batch].records.push_back(&each);
    std::vector<RefusedBatch> batches;
    batches.reserve(found.size());
    for (auto &[number, batch] : found)
        batches.push_back(std::move(batch));
    return batches;
}

class Suspicion {
public:
    static constexpr int unknown_max = 8; // refusals of the lone record, over at least three seconds

    bool is_about(EventPosition position) const { return position_ && *position_ == position; }
    bool stands() const { return position_.has_value(); }

    // From now on the event goes alone.
    void raise(EventPosition position) {
        if (position_ && *position_ <= position)
            return;
        position_ = position;
        refusals_ = 0;
        backoff_.reset();
    }

    // The lone record was refused again. True where the event is to blame from now on.
    bool refused_again(const Refused &refused, std::string_view why, Clock::time_point now) {
        raise(refused.entry->position());
        if (!is_about(refused.entry->position())) // this event's turn comes later
            return false;
        if (++refusals_ >= unknown_max && blame_of(refused.error) == Blame::unknown)
            return true;
        retry_at_ = now + backoff_.next();
        Event event = refused.entry->event();
        std::string_view id = event.id;
        std::string_view topic = refused.topic.empty() ? event.topic : std::string_view(refused.topic);
        text_ = fmt::format("waiting for topic \"{}\": {}{} ({}; without the event: {})", topic, rd_kafka_err2str(refused.error), why,
                            name_of(id, refused.entry->commit()), skip_advice(id));
        if (condition_.changed(text_))
            spdlog::warn("{}", text_);
        return false;
    }

    Clock::time_point retry_at() const { return position_ ? retry_at_ : Clock::time_point::min(); }
    const std::string &text() const { return text_; }

    // Ends the suspicion without a verdict: another session tries the event.
    void forget() {
        position_.reset();
        text_.clear();
        retry_at_ = Clock::time_point::min();
    }
    void clear() {
        forget();
        if (condition_.clear())
            spdlog::info("Kafka accepts the event that the relay waited for, or its dead letter");
    }

private:
    std::optional<EventPosition> position_;
    int refusals_ = 0;
    Backoff backoff_{std::chrono::milliseconds(1600)};
    Clock::time_point retry_at_ = Clock::time_point::min();
    std::string text_;
    Condition condition_;
};

} // namespace outbox
