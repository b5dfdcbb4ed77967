#include "loop/report.h"

namespace outbox {
namespace {

constexpr auto message_interval = std::chrono::seconds(1); // one line in it is enough

} // namespace

void Report::rejected(const Rejected &rejected, Clock::time_point now) {
    if (!rejected.id.empty()) {
        events_rejected_++;
        if (events_said_.may_speak(now))
            spdlog::warn("rejected event {} of topic \"{}\", transaction {}: {} ({} so far)", rejected.id, rejected.topic, rejected.lsn,
                         rejected.reason, events_rejected_);
        return;
    }
    messages_rejected_++;
    if (now < message_said_at_ + message_interval && messages_rejected_ > 1)
        return;
    message_said_at_ = now;
    spdlog::warn("skipped a message at {} that is no event: {} ({} so far)", rejected.lsn, rejected.reason, messages_rejected_);
}

void Report::noticed(const std::string &text, bool is_warning, Clock::time_point now) {
    if (!is_warning)
        spdlog::debug("{}", text);
    else if (complaint_.note(text, now))
        spdlog::warn("{}", text);
}

void Report::update(RelayState state, const Sink &sink, Session &session, const Budget &budget, Lsn confirmed, Lsn wal_end,
                    Clock::time_point now) {
    status_.turned_at = now;
    status_.state = state;
    status_.events_delivered = events_delivered_;
    status_.messages_rejected = messages_rejected_;
    status_.events_rejected = events_rejected_;
    status_.events_set_aside = sink.events_set_aside();
    status_.waiting_for.set(state == RelayState::waiting_for_kafka ? sink.waiting_for() : "");
    status_.in_flight_bytes = budget.used();
    status_.oldest_commit_ms = session.oldest_commit_ms();
    status_.in_flight_transactions = session.transactions_in_flight();
    if (confirmed > Lsn{})
        status_.confirmed_lsn = static_cast<uint64_t>(confirmed);
    if (wal_end > Lsn{})
        status_.wal_end_lsn = static_cast<uint64_t>(wal_end);
    on_state_(state);
}

} // namespace outbox
