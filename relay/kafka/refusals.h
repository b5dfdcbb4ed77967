// At least once: which event is to blame where Kafka refuses records, and how careful the next producers have to be until that event is
// found. A record that was alone is judged by itself. A batch that was refused for its size makes the next batches smaller
// (core/size_limits.h). After any other refusal of a whole batch the records go in smaller groups (core/group_limit.h). The sink produces;
// this class only judges. With exactly-once delivery the same search is an examination (kafka/examination.h). Tested by
// test/unit/at_least_once_refusals_test.cpp.
#pragma once

#include "kafka/produce_event.h"

#include <utility>
#include <vector>

namespace outbox {

class Refusals {
public:
    // Target and source outlive the refusals.
    Refusals(KafkaTarget &target, const Source &source) : target_(target), source_(source) {}

    // ---- delivery reports; an entry that was added lives until judge()

    void add(Refused refused) { refused_.push_back(std::move(refused)); }
    bool empty() const { return refused_.empty(); }
    std::vector<Refused> take() { return std::exchange(refused_, {}); }
    void accepted(EventPosition position);

    // ---- judging, when the reports have been served and no refused record is on its way

    // `refused` is not empty. `was_alone`: no other record was on its way. `producer` is the one that goes on; null: another will.
    void judge(const std::vector<Refused> &refused, bool was_alone, KafkaProducer *producer);

    // ---- what the next records need

    bool wants_alone(EventPosition position) const { return groups_.is_alone() || suspicion_.is_about(position); }
    size_t in_flight_max() const { return groups_.limit(); } // records
    bool suspects(EventPosition position) const { return suspicion_.is_about(position); }
    Clock::time_point retry_at() const { return suspicion_.retry_at(); } // of the suspected event
    bool waits() const { return suspicion_.stands(); }
    const std::string &waiting_for() const { return suspicion_.text(); } // for people
    // The session has ended: the suspected event comes again from the slot, or an operator has skipped it.
    void forget() { suspicion_.forget(); }

private:
    void judge_lone(const Refused &refused, KafkaProducer *producer);
    void judge_batch(const RefusedBatch &batch, size_t made_with);
    void note_guilty(const Refused &refused);

    KafkaTarget &target_;
    const Source &source_;
    std::vector<Refused> refused_; // since the sink judged last
    GroupLimit groups_;
    Suspicion suspicion_;
};

} // namespace outbox
