#include "loop/report.h"

#include "base/log_fields.h"

namespace outbox {
namespace {

constexpr auto message_interval = std::chrono::seconds(1); // between two log lines about rejected messages

} // namespace

void Report::rejected(const Rejected &rejected, Clock::time_point now) {
    if (!rejected.id.empty()) {
        events_rejected_++;
        if (events_said_.may_speak(now))
            say(spdlog::level::warn,
                {.event = LogEvent::event_rejected,
                 .topic = std::string(rejected.topic),
                 .id = std::string(rejected.id),
                 .lsn = format_lsn(rejected.lsn)},
                "rejected event {} of topic \"{}\", transaction {}: {} ({} so far)", rejected.id, rejected.topic, format_lsn(rejected.lsn),
                rejected.reason, events_rejected_);
        return;
    }
    messages_rejected_++;
    if (now < message_said_at_ + message_interval && messages_rejected_ > 1)
        return;
    message_said_at_ = now;
    say(spdlog::level::warn, {.event = LogEvent::message_rejected, .lsn = format_lsn(rejected.lsn)},
        "skipped a message at {} that is no event: {} ({} so far)", format_lsn(rejected.lsn), rejected.reason, messages_rejected_);
}

void Report::noticed(const std::string &text, bool is_warning, Clock::time_point now) {
    if (!is_warning)
        spdlog::debug("{}", text);
    else if (complaint_.note(text, now))
        spdlog::warn("{}", text);
}

// Measures a run of deliveries from one chunk with one look at the clock.
void Report::time(const Chunk &chunk) {
    timed_chunk_ = &chunk;
    timed_transaction_ = chunk.transaction();
    if (chunk.commit_time_ms() == 0)
        return;
    using namespace std::chrono;
    auto now_us = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    status_.tallies->commit_to_ack.add(now_us - (chunk.commit_time_ms() - server_ahead_ms_) * 1000);
}

void Report::begin_session(const Source &source) {
    streams_ = true;
    server_ahead_ms_ = source.clock_ahead_ms;
    lag_.look(
        {.at = unix_ms(std::chrono::system_clock::now()), .wal_end = source.wal_end, .confirmed = source.confirmed, .is_active = true});
}

void Report::update_lag(Session &session, int64_t now_ms) {
    const SlotFigures &slot = status_.slot;
    if (slot.seen_at_ms != looked_at_ms_ && slot.wal_end >= 0 && slot.confirmed_lsn >= 0) {
        looked_at_ms_ = slot.seen_at_ms;
        lag_.look({.at = looked_at_ms_,
                   .wal_end = Lsn{static_cast<uint64_t>(slot.wal_end)},
                   .confirmed = Lsn{static_cast<uint64_t>(slot.confirmed_lsn)},
                   .is_active = slot.active == 1,
                   .inactive_since = slot.inactive_since_s > 0 ? slot.inactive_since_s * 1000 - server_ahead_ms_ : 0});
    }
    if (streams_) {
        int64_t commit = session.oldest_commit_ms();
        lag_.turn(now_ms, commit == 0 ? 0 : commit - server_ahead_ms_, session.oldest_end(), session.confirmed());
    } else {
        lag_.turn_without_stream();
    }
    status_.missing_since_ms = lag_.since(now_ms);
}

void Report::stopping(const Session &session, std::chrono::milliseconds grace) const {
    uint64_t events = session.events_in_flight();
    std::string what = events > 0 ? fmt::format("{} events in flight", events) : "the rest of a transaction";
    std::string topic = session.last_topic().empty() ? "" : ", the last of topic \"" + session.last_topic() + "\"";
    say(spdlog::level::info, {.event = LogEvent::stopping, .topic = std::string(session.last_topic())},
        "stopping: waiting up to {} ms for {}{}", grace.count(), what, topic);
}

void Report::update(RelayState state, const Sink &sink, Session &session, const Budget &budget, Lsn confirmed, Lsn wal_end,
                    Clock::time_point now) {
    status_.turned_at = now;
    status_.state = state;
    int64_t now_ms = unix_ms(std::chrono::system_clock::now());
    if (status_.events_delivered != events_delivered_)
        status_.delivered_at_ms = now_ms;
    status_.events_delivered = events_delivered_;
    status_.messages_rejected = messages_rejected_;
    status_.events_rejected = events_rejected_;
    status_.events_set_aside = sink.events_set_aside();
    status_.waiting_for.set(state == RelayState::waiting_for_kafka ? sink.waiting_for() : "");
    status_.in_flight_bytes = budget.used();
    status_.window_events = sink.window_events();
    update_lag(session, now_ms);
    status_.in_flight_transactions = session.transactions_in_flight();
    if (confirmed > Lsn{} && status_.confirmed_lsn != static_cast<uint64_t>(confirmed)) {
        status_.confirmed_lsn = static_cast<uint64_t>(confirmed);
        status_.confirmed_at_ms = now_ms;
    }
    if (wal_end > Lsn{})
        status_.wal_end_lsn = static_cast<uint64_t>(wal_end);
    on_state_(state);
}

} // namespace outbox
