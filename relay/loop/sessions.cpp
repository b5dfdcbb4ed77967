// The relay's sessions: how a session begins, and how it ends with its connection or with its sink. The rest of the relay is relay.cpp.
#include "loop/relay.h"

#include "base/log_fields.h"

namespace outbox {

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
    link_.begin(now);
    report_.begin_session(upstream.source());
    sink_->start(upstream.source());
    say(spdlog::level::info, {.event = LogEvent::streaming}, "streaming from slot \"{}\"", upstream.source().slot);
}

void Relay::lose_session(const StreamLost &lost) {
    if (parts_.upstream.is_streaming() && !ending_.is_leaving())
        report_.lost_session(lost.sqlstate());
    if (ending_.is_leaving())
        ending_.left();
    else if (ending_.is_draining())
        say(spdlog::level::warn, {.event = LogEvent::stream_lost, .code = lost.sqlstate()}, "{}; {}", lost.what(), comes_again);
    else if (auto news = attempts_.news_of(lost, parts_.upstream.source().confirmed))
        say(lost.slot_in_use() ? spdlog::level::info : spdlog::level::warn,
            {.event = lost.slot_in_use() ? LogEvent::stream_waits : LogEvent::stream_lost, .code = lost.sqlstate()}, "{}", *news);
    end_session();
    attempts_.pause(lost.slot_in_use(), Clock::now());
}

// Makes a new sink. Events that the old sink has taken and not delivered are lost to the relay, and only the slot has all of them.
void Relay::lose_sink(const SinkFailure &failure) {
    auto now = Clock::now();
    report_.lost_producer();
    if (!ending_.is_running())
        say(spdlog::level::warn, {.event = LogEvent::producer_lost}, "{}; {}", failure.what(), comes_again);
    else if (attempts_.is_news(failure))
        say(spdlog::level::warn, {.event = LogEvent::producer_lost}, "{}; starting again from the slot with a new producer",
            failure.what());
    try { // events that are delivered and confirmed do not come again
        if (parts_.upstream.is_streaming() && confirmable() > link_.sent())
            link_.confirm(confirmable(), now);
    } catch (const StreamLost &) {
    }
    end_session();
    sink_.reset(); // gives the memory of its chunks back
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
    link_.end();
    reader_.begin();
}

} // namespace outbox
