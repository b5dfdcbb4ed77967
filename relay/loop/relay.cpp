#include "loop/relay.h"

#include "base/log_fields.h"
#include "base/signals.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace outbox {

Relay::Relay(RelayOptions options, RelayParts parts)
    : parts_(std::move(parts)),
      goal_(std::move(options.goal)),
      budget_(options.bounds.max_in_flight_bytes),
      sink_(parts_.make_sink(*this, budget_)),
      report_(parts_.status, parts_.on_state),
      session_(0, budget_, [this](const Rejected &rejected) { report_.rejected(rejected, Clock::now()); }),
      attempts_(Clock::now()),
      reader_(budget_),
      link_(parts_.upstream, options.bounds.server_silence),
      shutdown_(parts_.shutdown, options.bounds.shutdown_grace),
      ending_(options.bounds.shutdown_grace) {
    parts_.upstream.on_notice([this](const std::string &text, bool is_warning) { report_.noticed(text, is_warning, Clock::now()); });
}

void Relay::run() {
    while (!ending_.has_left()) {
        auto now = Clock::now();
        report_.update(state(now), *sink_, session_, budget_, link_.sent(), reader_.wal_end(), now);
        try {
            turn();
        } catch (const StreamLost &lost) {
            lose_session(lost);
        } catch (const SinkFailure &failure) {
            lose_sink(failure);
        } catch (const SinkClosed &closed) {
            spdlog::info("{}", closed.what());
            leave_quietly();
        } catch (const PoisonedEvent &poisoned) {
            stop_for(Failure(ExitCode::poisoned_event, poisoned.what()));
        } catch (const FormatError &error) {
            throw Failure(ExitCode::plugin_refused, std::string(error.what()) + ": " + parts_.upstream.dialect().writer() +
                                                        " and this relay are of different versions");
        }
    }
    if (ending_.is_good())
        say(spdlog::level::info, {.event = LogEvent::stopped}, "stopped");
    if (ending_.failure() && !goal_.is_reached(link_.sent())) // behind the goal the relay met an event that the next relay stops at
        throw *ending_.failure();
}

void Relay::turn() {
    wait();
    take_signals();
    if (!ending_.is_leaving())
        sink_->serve();
    connect_if_due();
    read();
    talk_to_server();
    ask_for_slot();
    watch_for_server_shutdown();
    end_at_goal();
    drain();
}

std::optional<int> Relay::interrupted_by() const {
    return goal_.is_never() || goal_.is_reached(link_.sent()) ? std::nullopt : ending_.ended_by();
}

void Relay::wait() {
    Upstream &upstream = parts_.upstream;
    auto now = Clock::now();
    auto until = next_deadline();
    bool may_read = reader_.may_read(session_, ending_.reads());
    poll_.begin();
    poll_.want(Poll::signals, {parts_.signals, POLLIN, 0});
    if (reader_.takes_breath() && may_read) {
        until = std::min<Clock::time_point>(until, now + Rhythm::breath);
    } else {
        bool leaves_it = upstream.is_streaming() && !ending_.is_leaving() && !may_read;
        if (!ending_.is_leaving())
            poll_.want(Poll::sink, sink_->wanted());
        if (upstream.is_open())
            poll_.want(Poll::stream, leaves_it ? without_reading(upstream.wanted()) : upstream.wanted());
        if (shutdown_.inquiry().is_running())
            poll_.want(Poll::shutdown_inquiry, shutdown_.inquiry().wanted());
        if (parts_.slot.is_running())
            poll_.want(Poll::slot_inquiry, parts_.slot.wanted());
        if (upstream.is_streaming() && !reader_.has_read_all() && may_read)
            until = now; // a message that libpq holds shows in no descriptor
    }
    poll_.wait(until, now);
    if (upstream.is_streaming() && poll_.is_unread(Poll::stream) && poll_.has_hung_up(Poll::stream))
        throw StreamLost("the connection to PostgreSQL ended"); // a read would tell why, and the relay does not read now
}

Clock::time_point Relay::next_deadline() const {
    if (has_drained())
        return Clock::time_point::min();
    const Upstream &upstream = parts_.upstream;
    auto until = ending_.until();
    if (!ending_.is_leaving())
        until = std::min(until, sink_->serve_at());
    if (reader_.sink_is_busy())
        until = std::min(until, sink_->retry_at());
    if (upstream.is_open())
        until = std::min(until, upstream.deadline());
    else if (ending_.is_running())
        until = std::min(until, attempts_.at());
    if (ending_.is_running())
        until = std::min(until, parts_.slot.due_at());
    if (!upstream.is_streaming())
        return until;
    if (!ending_.is_leaving())
        until = std::min(until, link_.due_at(confirmable()));
    return std::min(until, shutdown_.due_at(ending_.is_running()));
}

void Relay::take_signals() {
    if (!poll_.is_ready(Poll::signals))
        return;
    std::optional<int> number; // of the first signal: signals that arrive together count as one
    while (std::optional<int> signal = take_signal(parts_.signals)) {
        if (*signal == SIGHUP)
            reload();
        else
            number = number.value_or(*signal);
    }
    if (!number)
        return;
    switch (ending_.signalled(*number)) {
    case Ending::Answer::drain: return start_draining();
    case Ending::Answer::wait: return;
    case Ending::Answer::end_at_once: _exit(ending_.status_at_once(*number));
    }
}

// Changes the settings before the sink reloads, since the sink reads what the settings say of Kafka.
void Relay::reload() {
    if (parts_.on_reload)
        change(parts_.on_reload());
    sink_->reload();
}

// Sets bounds. A drain or session that has begun keeps the bounds that it began with.
void Relay::change(const Bounds &bounds) {
    budget_.set_limit(bounds.max_in_flight_bytes);
    ending_.set_grace(bounds.shutdown_grace);
    shutdown_.set_grace(bounds.shutdown_grace);
    link_.confirmer().set_patience(bounds.server_silence);
}

void Relay::read() {
    if (!parts_.upstream.is_streaming())
        return;
    if (ending_.is_leaving()) {
        if (link_.goodbye_is_answered())
            ending_.left();
        return;
    }
    reader_.read(parts_.upstream, session_, *sink_, link_.confirmer(), ending_.reads());
    reader_.pause(*sink_, !ending_.is_running() || shutdown_.server_is_stopping(), Clock::now());
}

void Relay::delivered(const Chunk &chunk) {
    shutdown_.delivered();
    report_.delivered(chunk);
    session_.delivered(chunk);
}

void Relay::talk_to_server() {
    if (!parts_.upstream.is_streaming() || ending_.is_leaving())
        return;
    auto now = Clock::now();
    link_.confirm_if_due(confirmable(), now);
    link_.require_answers(reader_.may_read(session_, ending_.reads()), now);
}

void Relay::ask_for_slot() {
    if (!ending_.is_running())
        return parts_.slot.cancel();
    auto now = Clock::now();
    parts_.slot.start_if_due(now);
    parts_.slot.advance(now);
}

void Relay::watch_for_server_shutdown() {
    if (!parts_.upstream.is_streaming() || !ending_.is_running())
        return;
    auto now = Clock::now();
    if (shutdown_.has_delivered() && attempts_.kafka_recovers(now))
        say(spdlog::level::info, {.event = LogEvent::kafka_accepts}, "Kafka accepts events again");
    shutdown_.look(session_.is_waiting(), session_.confirmed(), confirmable(), poll_.is_ready(Poll::shutdown_inquiry), now);
}

void Relay::end_at_goal() {
    if (!ending_.is_running() || !parts_.upstream.is_streaming())
        return;
    if (goal_.is_reached(link_.sent()))
        start_draining();
    else if (goal_.is_missed(session_.confirmed(), parts_.upstream.source()))
        stop_for(goal_.failure());
}

// Begins to drain. The drain includes a transaction whose last events have not arrived yet.
void Relay::start_draining() {
    if (!sink_->empty() || session_.in_transaction())
        report_.stopping(session_, ending_.grace());
    ending_.drain(Clock::now());
    shutdown_.cancel(); // the relay serves the inquiry only while it runs
}

// Drains because of a failure: the events that the sink has taken are delivered and confirmed, so that the next start does not repeat them.
void Relay::stop_for(const Failure &failure) {
    ending_.fail(failure);
    if (ending_.is_running())
        start_draining();
}

void Relay::drain() {
    bool is_over = Clock::now() >= ending_.until();
    if (ending_.is_leaving() && is_over)
        return ending_.left();
    if (!ending_.is_draining() || !(is_over || has_drained()))
        return;
    if (has_drained())
        ending_.drained();
    else
        say(spdlog::level::warn, {.event = LogEvent::stopped_early}, "stopped before Kafka had everything; {}", comes_again);
    leave();
}

void Relay::leave() {
    if (!parts_.upstream.is_streaming())
        return ending_.left();
    auto now = Clock::now();
    link_.say_goodbye(confirmable(), now);
    reader_.give_up_offering(session_);
    ending_.leave(now);
}

void Relay::leave_quietly() { // PostgreSQL may have gone as well
    try {
        leave();
    } catch (const StreamLost &) {
        ending_.left();
    }
}

// The state for the status. The relay never asks Kafka: it waits for Kafka where events have waited a while, or where a new producer has
// yet to deliver.
RelayState Relay::state(Clock::time_point now) const {
    if (!ending_.is_running())
        return RelayState::draining;
    if (!parts_.upstream.is_streaming())
        return attempts_.without_stream();
    if (report_.server_complains(now))
        return RelayState::waiting_for_postgres;
    bool stalls = shutdown_.events_stall(now) && (session_.is_offering() || !sink_->empty());
    return stalls || attempts_.kafka_is_unproven(now) ? RelayState::waiting_for_kafka : RelayState::streaming;
}

} // namespace outbox
