#include "loop/relay.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace outbox {
namespace {

using std::chrono::milliseconds;

constexpr auto connect_backoff_cap = milliseconds(5000);
constexpr auto slot_in_use_cap = milliseconds(1000); // a relay that waits for another's end takes over soon
constexpr auto sink_backoff_cap = milliseconds(10000);
constexpr auto leave_grace = milliseconds(1000); // for the server's answer to the last confirmation
constexpr auto settled_after = milliseconds(5000);
constexpr auto probe_interval = milliseconds(5000); // a login each, for as long as Kafka is away

constexpr auto sleep_max = std::chrono::seconds(10);  // so that the status shows a loop that turns
constexpr size_t pump_messages_max = 4096;            // then deliveries and signals have their turn
constexpr size_t transactions_in_flight_max = 262144; // 16 bytes each, also where they carry no bytes

constexpr const char *comes_again = "what is not confirmed comes again with the next start";

} // namespace

Relay::Relay(RelayOptions options, RelayParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      status_(parts_.status),
      budget_(options_.max_in_flight_bytes),
      sink_(parts_.make_sink(*this, budget_)),
      stream_(parts_.upstream),
      session_(make_session()),
      confirmer_(options_.server_silence),
      connect_at_(Clock::now()),
      connect_backoff_(connect_backoff_cap),
      slot_backoff_(slot_in_use_cap),
      sink_backoff_(sink_backoff_cap),
      probe_(parts_.shutdown),
      slot_watch_(parts_.slot) {
    stream_.on_notice([this](const std::string &text, bool is_warning) { take_notice(text, is_warning); });
}

void Relay::run() {
    while (state_ != State::left) {
        update_status();
        try {
            step();
        } catch (const StreamLost &lost) {
            without_stream_ = lost.slot_in_use() ? RelayState::standby : RelayState::connecting;
            lose_session(lost);
        } catch (const SinkFailure &failure) {
            without_stream_ = RelayState::waiting_for_kafka;
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
    if (ending_.failure() && !is_done()) // otherwise it met an event that is the next relay's
        throw *ending_.failure();
}

void Relay::step() {
    wait();
    take_signal();
    if (state_ != State::leaving)
        sink_->serve();
    connect_if_due();
    pump();
    confirm();
    require_answers();
    watch_slot();
    watch_for_server_shutdown();
    end_when_done();
    drain();
}

// ---- the one place that waits ---------------------------------------------------------------------------------------

void Relay::wait() {
    auto now = Clock::now();
    auto until = next_deadline();
    std::vector<pollfd> &wanted = wanted_;
    wanted.assign(1, {parts_.signals, POLLIN, 0});
    size_t stream = 0, probe = 0; // where they are in `wanted`; 0: nowhere
    bool takes_breath = rhythm_.is_busy() && !sink_is_busy_ && may_read();
    if (takes_breath) {
        until = std::min<Clock::time_point>(until, now + Rhythm::breath);
    } else {
        if (state_ != State::leaving)
            wanted.push_back(sink_->wanted());
        if (stream_.is_open()) {
            stream = wanted.size();
            wanted.push_back(stream_.wanted());
            if (stream_.is_streaming() && state_ != State::leaving && !may_read())
                wanted.back().events = static_cast<short>((wanted.back().events & ~POLLIN) | POLLRDHUP);
        }
        if (probe_.is_running()) {
            probe = wanted.size();
            wanted.push_back(probe_.wanted());
        }
        if (slot_watch_.is_running())
            wanted.push_back(slot_watch_.wanted());
    }

    // What libpq holds shows in no descriptor.
    if (stream_.is_streaming() && !is_drained_ && !takes_breath && may_read())
        until = now;

    auto left = std::chrono::nanoseconds(std::min<Clock::duration>(std::max<Clock::time_point>(until, now) - now, sleep_max));
    timespec timeout = {static_cast<time_t>(left.count() / 1000000000), static_cast<long>(left.count() % 1000000000)};
    if (ppoll(wanted.data(), wanted.size(), &timeout, nullptr) < 0 && errno != EINTR)
        throw std::system_error(errno, std::generic_category(), "poll");
    signal_is_ready_ = wanted[0].revents != 0;
    stream_is_ready_ = stream != 0 && wanted[stream].revents != 0;
    bool is_unread = stream != 0 && (wanted[stream].events & POLLIN) == 0;
    if (stream_.is_streaming() && is_unread && (wanted[stream].revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0)
        throw StreamLost("PostgreSQL closed the connection"); // reading, which would say why, has to wait
    probe_is_ready_ = probe != 0 && wanted[probe].revents != 0;
}

Clock::time_point Relay::next_deadline() const {
    if (has_drained())
        return Clock::time_point::min();
    auto until = drain_until_;
    if (state_ != State::leaving)
        until = std::min(until, sink_->serve_at());
    if (sink_is_busy_)
        until = std::min(until, sink_->retry_at());
    if (stream_.is_open())
        until = std::min(until, stream_.deadline());
    else if (state_ == State::running)
        until = std::min(until, connect_at_);
    if (!stream_.is_streaming())
        return until;
    if (state_ == State::running)
        until = std::min(until, slot_watch_.due_at());
    if (state_ != State::leaving)
        until = std::min({until, confirmer_.due_at(confirmable()), confirmer_.silent_at()});
    if (state_ == State::running && !server_is_stopping())
        until = std::min(until, std::max(probe_at_, stall_.stalls_at()));
    if (server_is_stopping())
        until = std::min<Clock::time_point>(until, server_stops_at_ + options_.shutdown_grace);
    return until;
}

void Relay::take_signal() {
    if (!signal_is_ready_)
        return;
    signalfd_siginfo signal;
    std::optional<int> number; // of the first one: those that arrive together are one
    while (read(parts_.signals, &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo == SIGHUP)
            sink_->reload();
        else
            number = number.value_or(static_cast<int>(signal.ssi_signo));
    }
    if (!number)
        return;
    switch (ending_.signalled(*number, state_ == State::running)) {
    case Ending::Answer::drain: return start_draining();
    case Ending::Answer::wait: return;
    case Ending::Answer::end_at_once: _exit(ending_.status_at_once(*number));
    }
}

// ---- sessions -------------------------------------------------------------------------------------------------------

void Relay::connect_if_due() {
    if (!stream_.is_open()) {
        if (state_ == State::running && Clock::now() >= connect_at_)
            stream_.open();
        return;
    }
    if (!stream_is_ready_ && Clock::now() < stream_.deadline())
        return;
    bool was_streaming = stream_.is_streaming();
    stream_.advance();
    if (was_streaming || !stream_.is_streaming())
        return;
    streaming_since_ = Clock::now();
    stall_.begin(streaming_since_);
    confirmer_.begin(stream_.sender_timeout(), streaming_since_);
    postgres_.clear();
    slot_backoff_.reset();
    sink_->start(stream_.source());
    spdlog::info("streaming from slot \"{}\"", stream_.source().slot);
}

void Relay::lose_session(const StreamLost &lost) {
    std::string reason = reason_of(lost);
    if (stream_.is_streaming() && state_ != State::leaving)
        status_.sessions_lost++;
    if (state_ == State::leaving)
        state_ = State::left;
    else if (state_ == State::draining)
        spdlog::warn("{}; {}", reason, comes_again);
    else if (postgres_.changed(reason))
        spdlog::log(lost.slot_in_use() ? spdlog::level::info : spdlog::level::warn, "{}", reason);
    end_session();
    connect_at_ = Clock::now() + (lost.slot_in_use() ? slot_backoff_.next() : connect_backoff_.next());
}

std::string Relay::reason_of(const StreamLost &lost) {
    if (lost.slot_in_use())
        return std::string("standing by: ") + lost.what();
    if (state_ != State::running)
        return lost.what();
    if (!same_error_.note(lost.sqlstate(), stream_.source().confirmed))
        return std::string(lost.what()) + "; trying again";
    return fmt::format(
        "{}: the server has failed three times at the position {} of the slot, and will not get past it by itself. Its own log "
        "says more; an update of its minor release may mend it. What nobody can decode is given up with "
        "pg_replication_slot_advance(), and its events are lost. Trying again",
        lost.what(), format_lsn(stream_.source().confirmed));
}

// What was accepted and not delivered is lost to this sink. Only the slot knows it all.
void Relay::lose_sink(const SinkFailure &failure) {
    std::string reason = failure.what();
    status_.producers_lost++;
    auto now = Clock::now();
    if (now - sink_lost_at_ > sink_backoff_cap * 6)
        sink_backoff_.reset();
    sink_lost_at_ = now;
    if (state_ != State::running)
        spdlog::warn("{}; {}", reason, comes_again);
    else if (kafka_.changed(reason))
        spdlog::warn("{}; starting again from the slot with a new producer", reason);
    try { // what was delivered need not come again
        if (stream_.is_streaming() && confirmable() > confirmer_.sent())
            send_status();
    } catch (const StreamLost &) {
    }
    end_session();
    sink_.reset(); // releases its chunks
    sink_ = parts_.make_sink(*this, budget_);
    connect_at_ = failure.at_once() ? now : now + sink_backoff_.next();
    if (state_ != State::running)
        state_ = State::left;
}

Session Relay::make_session() {
    return Session(session_number_, budget_, [this](const Rejected &rejected) { count_rejected(rejected); });
}

void Relay::end_session() {
    if (stream_.is_streaming() && Clock::now() - streaming_since_ > connect_backoff_cap)
        connect_backoff_.reset();
    stream_.close();
    sink_->stop();
    probe_.cancel();
    slot_watch_.cancel();
    session_number_++;
    session_ = make_session();
    confirmer_.end();
    rhythm_ = {};
    sink_is_busy_ = false;
    server_stops_at_ = Clock::time_point::max();
}

// ---- the one place that decides when PostgreSQL is read -------------------------------------------------------------

bool Relay::may_read() const {
    if (ending_.failure() || (state_ == State::draining && !session_.in_transaction()))
        return false;
    return !session_.is_offering() && !budget_.exhausted() && session_.transactions_in_flight() < transactions_in_flight_max;
}

void Relay::pump() {
    if (!stream_.is_streaming())
        return;
    if (state_ == State::leaving)
        return await_goodbye();
    if (ending_.failure() || (state_ == State::draining && !session_.in_transaction()))
        give_up_offering();
    size_t received = 0;
    uint64_t begun = session_.transactions();
    is_drained_ = false;
    while (received < pump_messages_max && (session_.is_offering() || may_read())) {
        if (!session_.is_offering() && !next_message()) {
            is_drained_ = true;
            break;
        }
        received++;
        sink_is_busy_ = session_.is_offering() && !session_.offer(*sink_);
        if (sink_is_busy_)
            break;
    }
    rhythm_.note(session_.transactions() - begun, std::exchange(received_bytes_, 0), Clock::now());
    if (state_ != State::running || server_is_stopping())
        sink_->hurry();
    else if (!rhythm_.is_busy())
        sink_->flush();
}

void Relay::give_up_offering() {
    session_.give_up_offering();
    sink_is_busy_ = false;
}

// False where there is none. A keepalive is dealt with at once, lines become the chunk.
bool Relay::next_message() {
    Upstream::Message message = stream_.receive();
    if (auto *keepalive = std::get_if<Keepalive>(&message)) {
        session_.keepalive(keepalive->wal_end);
        status_.wal_end_lsn = static_cast<uint64_t>(keepalive->wal_end);
        if (keepalive->reply_requested)
            confirmer_.reply_requested();
        return true;
    }
    auto *data = std::get_if<CopyData>(&message);
    if (data == nullptr) {
        if (stream_.has_ended())
            throw StreamLost("PostgreSQL ended the stream");
        return false;
    }
    received_bytes_ += data->lines.size();
    session_.take(std::move(*data));
    return true;
}

// Anybody who may call pg_logical_emit_message() can write such messages, as many as they like: one line a second is enough.
void Relay::count_rejected(const Rejected &rejected) {
    auto now = Clock::now();
    if (!rejected.id.empty()) {
        events_rejected_++;
        if (events_rejected_said_.may_speak(now))
            spdlog::warn("rejected event {} of topic \"{}\", transaction {}: {} ({} so far)", rejected.id, rejected.topic, rejected.lsn,
                         rejected.reason, events_rejected_);
        return;
    }
    rejected_++;
    if (now < rejected_said_at_ + std::chrono::seconds(1) && rejected_ > 1)
        return;
    rejected_said_at_ = now;
    spdlog::warn("skipped a message at {} that is no event: {} ({} so far)", rejected.lsn, rejected.reason, rejected_);
}

// ---- the one place that confirms ------------------------------------------------------------------------------------

void Relay::delivered(const Chunk &chunk) {
    made_progress_ = true;
    events_delivered_++;
    session_.delivered(chunk);
}

void Relay::confirm() {
    if (!stream_.is_streaming() || state_ == State::leaving)
        return;
    if (confirmer_.is_due(confirmable(), Clock::now()))
        send_status();
}

void Relay::send_status() {
    Confirmer::Update update = confirmer_.update(confirmable(), Clock::now());
    stream_.confirm(update.confirmed, update.requests_reply);
}

// What an idle database's connection is worth. Where the process behind it is gone or frozen, only the missing answer shows it.
void Relay::require_answers() {
    if (!stream_.is_streaming() || state_ == State::leaving)
        return;
    auto now = Clock::now();
    if (stream_.take_heard())
        confirmer_.heard(now);
    if (!may_read())
        confirmer_.cannot_hear(now);
    if (!confirmer_.server_is_silent(now))
        return;
    confirmer_.give_up();
    stream_.give_up();
    throw StreamLost(fmt::format("PostgreSQL has not answered for {} ms, though the connection stands", confirmer_.patience().count()));
}

// ---- what else there is to know of the server -----------------------------------------------------------------------

void Relay::watch_slot() {
    if (!stream_.is_streaming() || state_ != State::running)
        return slot_watch_.cancel();
    auto now = Clock::now();
    slot_watch_.start_if_due(now);
    slot_watch_.advance(now);
}

void Relay::take_notice(const std::string &text, bool is_warning) {
    if (!is_warning)
        spdlog::debug("{}", text);
    else if (complaint_.note(text, Clock::now()))
        spdlog::warn("{}", text);
}

// ---- the server's shutdown ------------------------------------------------------------------------------------------

// A fast shutdown ends only when all is confirmed. With Kafka away that is never: after the grace the relay gives way, and starts again
// from the slot when the server is back.
void Relay::watch_for_server_shutdown() {
    if (!stream_.is_streaming() || state_ != State::running)
        return;
    auto now = Clock::now();
    // A new producer may get on for a moment and fail at the same place again.
    if (made_progress_ && now - streaming_since_ > settled_after && kafka_.clear())
        spdlog::info("Kafka accepts events again");
    stall_.note(std::exchange(made_progress_, false), session_.is_waiting(), session_.confirmed(), confirmable(), now);
    if (probe_is_ready_ && probe_.is_running() && probe_.advance() == ShutdownInquiry::Answer::shutting_down) {
        spdlog::warn("PostgreSQL is shutting down; waiting up to {} ms for Kafka", options_.shutdown_grace.count());
        server_stops_at_ = now;
    }
    if (server_is_stopping()) {
        if (now >= server_stops_at_ + options_.shutdown_grace)
            throw StreamLost("PostgreSQL is shutting down and Kafka takes nothing: left it, nothing is confirmed that is not delivered");
    } else if (stall_.stalls(now) && now >= probe_at_) {
        probe_.start();
        probe_at_ = now + probe_interval;
    }
}

// ---- the end --------------------------------------------------------------------------------------------------------

bool Relay::is_done() const {
    std::optional<Lsn> end = options_.done_at ? options_.done_at() : std::nullopt;
    return end && confirmer_.sent() >= *end;
}

void Relay::end_when_done() {
    if (!options_.done_at || state_ != State::running || !stream_.is_streaming())
        return;
    if (is_done())
        start_draining();
    else if (!options_.done_at() && std::max(session_.confirmed(), stream_.source().confirmed) >= stream_.source().wal_end)
        stop_for(Failure(ExitCode::unexpected, options_.not_done));
}

// A transaction of which the sink has not taken every event yet is waited for as well.
void Relay::say_what_is_awaited() const {
    if (sink_->empty() && !session_.in_transaction())
        return;
    uint64_t events = session_.events_in_flight();
    std::string what = events > 0 ? fmt::format("{} events in flight", events) : "the rest of a transaction";
    std::string topic = session_.last_topic().empty() ? "" : ", the last of topic \"" + session_.last_topic() + "\"";
    spdlog::info("stopping: waiting up to {} ms for {}{}", options_.shutdown_grace.count(), what, topic);
}

void Relay::start_draining() {
    say_what_is_awaited();
    state_ = State::draining;
    probe_.cancel(); // it is served only while running
    drain_until_ = Clock::now() + options_.shutdown_grace;
}

// What was accepted before is still delivered and confirmed, so that the next start does not repeat it.
void Relay::stop_for(const Failure &failure) {
    ending_.fail(failure);
    if (state_ == State::running)
        start_draining();
}

bool Relay::has_drained() const { return state_ == State::draining && sink_->empty() && (ending_.failure() || !session_.in_transaction()); }

void Relay::drain() {
    auto now = Clock::now();
    if (state_ == State::draining) {
        bool done = has_drained();
        if (!done && now < drain_until_)
            return;
        if (done)
            ending_.drained();
        else
            spdlog::warn("stopped before Kafka had everything; {}", comes_again);
        leave();
    } else if (state_ == State::leaving && now >= drain_until_) {
        state_ = State::left;
    }
}

// The last confirmation counts only when the server has read it: end the stream properly and wait for the answer.
void Relay::leave() {
    if (!stream_.is_streaming()) {
        state_ = State::left;
        return;
    }
    send_status();
    stream_.end();
    give_up_offering();
    state_ = State::leaving;
    drain_until_ = Clock::now() + leave_grace;
}

void Relay::leave_quietly() { // where PostgreSQL may have gone as well
    try {
        leave();
    } catch (const StreamLost &) {
        state_ = State::left;
    }
}

void Relay::await_goodbye() {
    while (!stream_.has_ended() && !std::holds_alternative<std::monostate>(stream_.receive())) {
    }
    if (stream_.has_ended())
        state_ = State::left;
}

// ---- the status -----------------------------------------------------------------------------------------------------

// Kafka is never asked how it is: it is waited for when events have waited for it a while, or when a new producer has yet to prove itself.
RelayState Relay::visible_state(Clock::time_point now) const {
    if (state_ != State::running)
        return RelayState::draining;
    if (!stream_.is_streaming())
        return without_stream_;
    if (complaint_.stands(now))
        return RelayState::waiting_for_postgres;
    bool stalls = stall_.events_stall(now) && (session_.is_offering() || !sink_->empty());
    bool is_unproven = kafka_.stands() && now < streaming_since_ + settled_after;
    return stalls || is_unproven ? RelayState::waiting_for_kafka : RelayState::streaming;
}

void Relay::update_status() {
    auto now = Clock::now();
    RelayState state = visible_state(now);
    status_.turned_at = now;
    status_.state = state;
    status_.events_delivered = events_delivered_;
    status_.messages_rejected = rejected_;
    status_.events_rejected = events_rejected_;
    status_.events_set_aside = sink_->events_set_aside();
    status_.waiting_for.set(state == RelayState::waiting_for_kafka ? sink_->waiting_for() : "");
    status_.in_flight_bytes = budget_.used();
    status_.oldest_commit_ms = session_.oldest_commit_ms();
    status_.in_flight_transactions = session_.transactions_in_flight();
    if (confirmer_.sent() > Lsn{}) // what an earlier session confirmed still counts
        status_.confirmed_lsn = static_cast<uint64_t>(confirmer_.sent());
    parts_.on_state(state);
}

} // namespace outbox
