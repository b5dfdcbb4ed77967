// Kafka's absence as one producer sees it: the log has no line while nothing waits for Kafka, and one line when Kafka has been away for a
// second in which something waited; and whether librdkafka itself is silent. The clock is the caller's. Tested by
// test/unit/kafka_producer_test.cpp and test/unit/absence_test.cpp.
#pragma once

#include "base/log.h"
#include "base/log_fields.h"
#include "core/clock.h"
#include "kafka/reachability.h"

#include <algorithm>
#include <utility>

namespace outbox {

class KafkaAbsence {
public:
    using Time = Clock::time_point;

    Reachability &kafka() { return kafka_; }
    const Reachability &kafka() const { return kafka_; }

    // Kafka has answered, or something begins to wait for Kafka.
    void heard(Time now) { heard_at_ = now; }

    // librdkafka has reported a record, a connection or anything else.
    void spoke(Time now) { spoke_at_ = now; }

    // expect_answer(): something waits for an answer other than a delivery report. expect_topic(): a record waits for its topic's metadata.
    void expect_answer(bool is_expected, Time now) {
        if (std::exchange(expects_answer_, is_expected) != is_expected)
            heard(now);
    }
    void expect_topic(bool is_expected, Time now) {
        if (std::exchange(expects_topic_, is_expected) != is_expected)
            heard(now);
    }
    bool expects_answer() const { return expects_answer_; }

    // True where Kafka's absence matters: something waits for Kafka, or Kafka has never answered.
    bool is_a_matter(bool has_records_in_flight) const {
        return has_records_in_flight || expects_answer_ || expects_topic_ || !kafka_.has_answered();
    }

    // librdkafka tries to connect every two seconds while something waits, and reports each failure. A librdkafka that
    // reports nothing tries nothing. True once in silent_after of such silence; due at silent_at().
    bool is_silent(bool has_records_in_flight, Time now) {
        if (now < silent_at(has_records_in_flight))
            return false;
        spoke_at_ = now;
        return true;
    }
    Time silent_at(bool has_records_in_flight) const {
        return is_a_matter(has_records_in_flight) ? std::max(heard_at_, spoke_at_) + silent_after : Time::max();
    }

    // When complain_if_due() is due though nothing happens.
    Time complain_at(bool has_records_in_flight) const { return said_.stands() ? Time::max() : due(has_records_in_flight); }
    void complain_if_due(bool has_records_in_flight, Time now) {
        if (now < due(has_records_in_flight))
            return;
        std::string text = kafka_.sentence() + "; waiting for it";
        if (said_.changed(text))
            say(spdlog::level::warn, {.event = LogEvent::kafka_away}, "{}", text);
    }

    // Kafka has acknowledged a record.
    void is_over() {
        if (said_.clear())
            say(spdlog::level::info, {.event = LogEvent::kafka_accepts}, "Kafka accepts events again");
    }

private:
    static constexpr std::chrono::milliseconds complain_after{1000}; // a lost connection is soon made again
    static constexpr std::chrono::seconds silent_after{15};          // more than socket.timeout.ms, after which a request fails

    Time due(bool has_records_in_flight) const {
        return kafka_.is_away() && is_a_matter(has_records_in_flight) ? heard_at_ + complain_after : Time::max();
    }

    Reachability kafka_;
    Condition said_;
    bool expects_answer_ = false, expects_topic_ = false; // beside the records in flight
    Time heard_at_ = Clock::now();                        // when Kafka last answered, or something began to wait for Kafka
    Time spoke_at_ = Clock::now();                        // when librdkafka last reported anything
};

} // namespace outbox
