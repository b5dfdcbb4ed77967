#include "loop/relay.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace outbox {
namespace {

constexpr const char *comes_again = "what is not confirmed comes again with the next start";

} // namespace

Relay::Relay(RelayOptions options, RelayParts parts)
    : parts_(std::move(parts)),
      goal_(std::move(options.goal)),
      budget_(options.max_in_flight_bytes),
      sink_(parts_.make_sink(*this, budget_)),
      report_(parts_.status, parts_.on_state),
      session_(0, budget_, [this](const Rejected &rejected) { report_.rejected(rejected, Clock::now()); }),
      attempts_(Clock::now()),
      reader_(budget_),
      confirmer_(options.server_silence),
      shutdown_(parts_.shutdown, options.shutdown_grace),
      ending_(options.shutdown_grace) {
    parts_.upstream.on_notice([this](const std::string &text, bool is_warning) { report_.noticed(text, is_warning, Clock::now()); });
}

void Relay::run() {
    while (!ending_.has_left()) {
        auto now = Clock::now();
        report_.update(state(now), *sink_, session_, budget_, confirmer_.sent(), reader_.wal_end(), now);
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
            throw Failure(ExitCode::plugin_refused,
                          std::string(error.what()) + ": the extension on the server and this relay are of different versions");
        }
    }
    if (ending_.is_good())
        spdlog::info("stopped");
    if (ending_.failure() && !goal_.is_reached(confirmer_.sent())) // beyond the goal it met an event that is the next relay's
        throw *ending_.failure();
}

void Relay::turn() {
    wait();
    take_signals();
    if (!ending_.is_leaving())
        sink_->serve();
    connect_if_due();
    read();
    confirm();
    require_answers();
    ask_for_slot();
    watch_for_server_shutdown();
    end_at_goal();
    drain();
}

std::optional<int> Relay::interrupted_by() const {
    return goal_.is_never() || goal_.is_reached(confirmer_.sent()) ? std::nullopt : ending_.ended_by();
}

// ---- the one place that waits ---------------------------------------------------------------------------------------

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
        if (upstream.is_streaming() && !reader_.has_drained() && may_read)
            until = now; // what libpq holds shows in no descriptor
    }
    poll_.wait(until, now);
    if (upstream.is_streaming() && poll_.is_unread(Poll::stream) && poll_.has_hung_up(Poll::stream))
        throw StreamLost("PostgreSQL closed the connection"); // reading, which would say why, has to wait
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
        until = std::min({until, confirmer_.due_at(confirmable()), confirmer_.silent_at()});
    return std::min(until, shutdown_.due_at(ending_.is_running()));
}

void Relay::take_signals() {
    if (!poll_.is_ready(Poll::signals))
        return;
    signalfd_siginfo signal;
    std::optional<int> number; // of the first one: those that arrive together are one
    while (::read(parts_.signals, &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo == SIGHUP)
            sink_->reload();
        else
            number = number.value_or(static_cast<int>(signal.ssi_signo));
    }
    if (!number)
        return;
    switch (ending_.signalled(*number)) {
    case Ending::Answer::drain: return start_draining();
    case Ending::Answer::wait: return;
    case Ending::Answer::end_at_once: _exit(ending_.status_at_once(*number));
    }
}

// ---- sessions -------------------------------------------------------------------------------------------------------

void Relay::connect_if_due() {
    Upstream &upstream = parts_.upstream;
    if (!upstream.is_open()) {
        if (ending_.is_running() && attempts_.is_due(Clock::now()))
            upstream.open();
        return;
    }
    if (!poll_.is_ready(Poll::stream) && Clock::now() < upstream.deadline())
        return;
    bool was_streaming = upstream.is_streaming();
    upstream.advance();
    if (was_streaming || !upstream.is_streaming())
        return;
    auto now = Clock::now();
    attempts_.streaming(now);
    shutdown_.begin(now);
    confirmer_.begin(upstream.sender_timeout(), now);
    report_.begin_session(upstream.source());
    sink_->start(upstream.source());
    spdlog::info("streaming from slot \"{}\"", upstream.source().slot);
}

void Relay::lose_session(const StreamLost &lost) {
    if (parts_.upstream.is_streaming() && !ending_.is_leaving())
        report_.lost_session();
    if (ending_.is_leaving())
        ending_.left();
    else if (ending_.is_draining())
        spdlog::warn("{}; {}", lost.what(), comes_again);
    else if (auto news = attempts_.news_of(lost, parts_.upstream.source().confirmed))
        spdlog::log(lost.slot_in_use() ? spdlog::level::info : spdlog::level::warn, "{}", *news);
    end_session();
    attempts_.pause(lost.slot_in_use(), Clock::now());
}

// What was accepted and not delivered is lost to this sink. Only the slot knows it all.
void Relay::lose_sink(const SinkFailure &failure) {
    auto now = Clock::now();
    report_.lost_producer();
    if (!ending_.is_running())
        spdlog::warn("{}; {}", failure.what(), comes_again);
    else if (attempts_.is_news(failure))
        spdlog::warn("{}; starting again from the slot with a new producer", failure.what());
    try { // what was delivered need not come again
        if (parts_.upstream.is_streaming() && confirmable() > confirmer_.sent())
            send_status();
    } catch (const StreamLost &) {
    }
    end_session();
    sink_.reset(); // releases its chunks
    sink_ = parts_.make_sink(*this, budget_);
    attempts_.pause_for_sink(failure.at_once(), now);
    if (!ending_.is_running())
        ending_.left();
}

void Relay::end_session() {
    attempts_.session_ended(parts_.upstream.is_streaming(), Clock::now());
    parts_.upstream.close();
    report_.end_session();
    sink_->stop();
    shutdown_.end();
    session_ = session_.next();
    confirmer_.end();
    reader_.begin();
}

// ---- what comes, and what is confirmed ------------------------------------------------------------------------------

void Relay::read() {
    if (!parts_.upstream.is_streaming())
        return;
    if (ending_.is_leaving())
        return await_goodbye();
    reader_.read(parts_.upstream, session_, *sink_, confirmer_, ending_.reads());
    reader_.pause(*sink_, !ending_.is_running() || shutdown_.server_is_stopping(), Clock::now());
}

void Relay::await_goodbye() {
    Upstream &upstream = parts_.upstream;
    while (!upstream.has_ended() && !std::holds_alternative<std::monostate>(upstream.receive())) {
    }
    if (upstream.has_ended())
        ending_.left();
}

void Relay::delivered(const Chunk &chunk) {
    shutdown_.delivered();
    report_.delivered();
    session_.delivered(chunk);
}

void Relay::confirm() {
    if (!parts_.upstream.is_streaming() || ending_.is_leaving())
        return;
    if (confirmer_.is_due(confirmable(), Clock::now()))
        send_status();
}

void Relay::send_status() {
    Confirmer::Update update = confirmer_.update(confirmable(), Clock::now());
    parts_.upstream.confirm(update.confirmed, update.requests_reply);
}

// ---- the server: whether it is there, what the slot holds, whether it shuts down ------------------------------------

// What an idle database's connection is worth. Where the process behind it is gone or frozen, only the missing answer shows it.
void Relay::require_answers() {
    Upstream &upstream = parts_.upstream;
    if (!upstream.is_streaming() || ending_.is_leaving())
        return;
    auto now = Clock::now();
    if (upstream.take_heard())
        confirmer_.heard(now);
    if (!reader_.may_read(session_, ending_.reads()))
        confirmer_.cannot_hear(now);
    if (!confirmer_.server_is_silent(now))
        return;
    confirmer_.give_up();
    upstream.give_up();
    throw StreamLost(fmt::format("PostgreSQL has not answered for {} ms, though the connection stands", confirmer_.patience().count()));
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
        spdlog::info("Kafka accepts events again");
    shutdown_.look(session_.is_waiting(), session_.confirmed(), confirmable(), poll_.is_ready(Poll::shutdown_inquiry), now);
}

// ---- the end --------------------------------------------------------------------------------------------------------

void Relay::end_at_goal() {
    if (!ending_.is_running() || !parts_.upstream.is_streaming())
        return;
    if (goal_.is_reached(confirmer_.sent()))
        start_draining();
    else if (goal_.is_missed(session_.confirmed(), parts_.upstream.source()))
        stop_for(goal_.failure());
}

// A transaction of which the sink has not taken every event yet is waited for as well.
void Relay::start_draining() {
    if (!sink_->empty() || session_.in_transaction()) {
        uint64_t events = session_.events_in_flight();
        std::string what = events > 0 ? fmt::format("{} events in flight", events) : "the rest of a transaction";
        std::string topic = session_.last_topic().empty() ? "" : ", the last of topic \"" + session_.last_topic() + "\"";
        spdlog::info("stopping: waiting up to {} ms for {}{}", ending_.grace().count(), what, topic);
    }
    ending_.drain(Clock::now());
    shutdown_.cancel(); // the inquiry is served only while the relay runs
}

// What was accepted before is still delivered and confirmed, so that the next start does not repeat it.
void Relay::stop_for(const Failure &failure) {
    ending_.fail(failure);
    if (ending_.is_running())
        start_draining();
}

void Relay::drain() {
    auto now = Clock::now();
    if (ending_.is_draining()) {
        bool is_done = has_drained();
        if (!is_done && now < ending_.until())
            return;
        if (is_done)
            ending_.drained();
        else
            spdlog::warn("stopped before Kafka had everything; {}", comes_again);
        leave();
    } else if (ending_.is_leaving() && now >= ending_.until()) {
        ending_.left();
    }
}

// The last confirmation counts only when the server has read it: end the stream properly and wait for the answer.
void Relay::leave() {
    if (!parts_.upstream.is_streaming())
        return ending_.left();
    send_status();
    parts_.upstream.end();
    reader_.give_up_offering(session_);
    ending_.leave(Clock::now());
}

void Relay::leave_quietly() { // where PostgreSQL may have gone as well
    try {
        leave();
    } catch (const StreamLost &) {
        ending_.left();
    }
}

// ---- the status -----------------------------------------------------------------------------------------------------

// Kafka is never asked how it is: it is waited for when events have waited for it a while, or when a new producer has yet to prove itself.
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
