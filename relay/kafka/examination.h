// Exactly once: which event is to blame where Kafka refuses records of a batch, and which event cannot go now. The examination decides; the
// quarantine keeps the final decision about an event, and the delivery produces and aborts. An examination lasts until Kafka has named each
// guilty event, or the event has been alone: in smaller batches where the size is to blame (core/size_limits.h), otherwise in smaller
// groups (core/group_limit.h). Tested by test/unit/examination_test.cpp, test/unit/exactly_once_refusals_test.cpp and
// test/t/057_quarantine.t.
#pragma once

#include "core/batch.h"
#include "core/group_limit.h"
#include "kafka/care.h"
#include "kafka/produce_event.h"

#include <optional>
#include <vector>

namespace outbox {

class Examination {
public:
    // Target and source outlive the examination.
    Examination(KafkaTarget &target, const Source &source) : target_(target), source_(source) {}

    // ---- what Kafka reports of the records

    void refused(Entry &entry, rd_kafka_resp_err_t error, const std::string &topic, uint64_t report);
    bool has_refusals() const { return !refused_.empty(); }
    void accepted(const Entry &entry);

    // ---- between two Kafka transactions

    // Called after an abort, when every record has been reported. `error`: of the Kafka transaction as a whole. True where records were
    // refused: the batch is examined next.
    bool judge(Batch &batch, rd_kafka_resp_err_t error, const Care &care, KafkaProducer &producer);
    // Chooses the part of the batch for the next Kafka transaction: everything up to an event that has to wait, or that event alone.
    void divide(Batch &batch);
    // The part of the batch is committed. The rest is examined, where the batch was divided at an event that has to wait.
    void committed(bool has_rest);
    void begin() { was_run_ = false; } // a batch without any event yet

    // ---- the examination: its Kafka transaction is aborted, whatever Kafka accepts

    bool is_running() const { return is_running_; }
    void end(); // Kafka has accepted or refused every record of the part
    // The number of records that may be on their way with that of the event; whether, and until when, the event has to wait.
    size_t limit_at(EventPosition position, const Care &care) const;
    bool waits_at(EventPosition position) const { return suspicion_.is_about(position); }
    Clock::time_point retry_at() const { return suspicion_.retry_at(); }
    bool waits() const { return suspicion_.stands(); }
    const std::string &waiting_for() const { return suspicion_.text(); } // for people; empty: not known yet
    bool wants_each_alone() const { return is_running_ && groups_.is_alone(); }

    // ---- an event that nothing can stand for ends the stream, once the events before it are committed

    void stop_at(const Event &event, Lsn transaction, int64_t commit_time_ms);
    bool stops() const { return poison_.has_value(); }
    PoisonedEvent take_poison() { return *std::exchange(poison_, std::nullopt); }

    // The session has ended.
    void forget();

private:
    static constexpr size_t alone_in_flight_max = 64; // records that are a batch each

    void judge_batch(const RefusedBatch &batch, size_t made_with, const Care &care, KafkaProducer &producer);
    void judge_lone(const Refused &refused, KafkaProducer &producer);

    KafkaTarget &target_;
    const Source &source_;
    std::vector<Refused> refused_; // in the open Kafka transaction
    GroupLimit groups_;
    Suspicion suspicion_;
    std::optional<PoisonedEvent> poison_;
    bool is_running_ = false;
    bool is_divided_ = false; // at the event that has to wait
    bool was_run_ = false;    // the batch has been examined since its last commit
};

} // namespace outbox
