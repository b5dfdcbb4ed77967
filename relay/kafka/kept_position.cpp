#include "kafka/kept_position.h"

#include "base/exit_code.h"
#include "base/log_fields.h"

#include <algorithm>
#include <utility>

namespace outbox {

bool KeptPosition::read() {
    try {
        bool is_done = reader_->advance();
        if (!reader_->waiting_for().empty() && waiting_.changed(reader_->waiting_for()))
            spdlog::warn("waiting for {}", reader_->waiting_for());
        if (!is_done)
            return false;
        reader_->require_readable();
        Position found = resume(reader_->state(), source_);
        ledger_.resume(found, reader_->state()->events, source_.confirmed);
    } catch (const Regressed &regressed) {
        throw SinkFailure(regressed.what(), true);
    } catch (const PositionRefused &refused) {
        // Between the look at the server and the look at the state this process may have slept while another relay went on. So the first
        // refusal is a reason to look again, and the second one is final.
        if (std::exchange(target_.learned.was_refused, true))
            throw Failure(ExitCode::position_refused, refused.what());
        throw SinkFailure(refused.what(), true);
    }
    target_.learned.was_refused = false;
    waiting_.clear();
    written_at_ = Clock::now();
    say(spdlog::level::info, {.event = LogEvent::position, .lsn = format_lsn(ledger_.position().end)}, "exactly once from {} on",
        format_lsn(ledger_.position().end));
    return true;
}

KafkaProducer::Outcome KeptPosition::produce(KafkaProducer &producer, const Batch &batch) {
    if (is_produced_)
        return KafkaProducer::Outcome::taken;
    Position end = batch.end();
    // a transaction that is the session's first: the slot's confirmation is the end before it that is known
    end.after = std::max(end.after, source_.confirmed);
    Lsn events = batch.empty() ? ledger_.events() : end.end;
    std::string key = state_key(source_), value = format_state({end, events, source_.timeline, source_.topics});
    KafkaRecord record;
    record.topic = target_.state_topic;
    record.key = key.data();
    record.key_size = key.size();
    record.value = value.data();
    record.value_size = value.size();
    record.copies = true;
    record.headers.reset(rd_kafka_headers_new(1));
    KafkaProducer::Outcome outcome = producer.produce(record, nullptr);
    is_produced_ = outcome == KafkaProducer::Outcome::taken;
    return outcome;
}

void KeptPosition::acknowledged(const Batch &batch) {
    ledger_.acknowledged(batch.end(), batch.last_complete(), batch.part() > 0);
    written_at_ = Clock::now();
}

void KeptPosition::read_back() {
    if (ledger_.is_shown())
        return;
    reader_->follow();
    const std::optional<State> &state = reader_->state();
    bool is_shown = state && ledger_.shown(state->position);
    if (!is_shown && Clock::now() > written_at_ + is_shown_within)
        throw SinkFailure(
            fmt::format("Kafka has acknowledged a Kafka transaction and does not show it in the state topic \"{}\"; nothing of "
                        "it is confirmed",
                        target_.state_topic));
}

} // namespace outbox
