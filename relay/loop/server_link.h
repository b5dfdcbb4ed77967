// The relay's side of the conversation while a stream runs: status updates when they are due, the demand for an answer, and the end of the
// stream. The clock is the caller's. The confirmer decides when an update is due, and its content. Tested by
// test/unit/server_link_test.cpp.
#pragma once

#include "core/upstream.h"
#include "loop/confirmer.h"

namespace outbox {

class ServerLink {
public:
    using Time = Clock::time_point;

    // `patience`: a reply of the server to a status update may take so long. The upstream outlives the link.
    ServerLink(Upstream &upstream, std::chrono::milliseconds patience) : upstream_(upstream), confirmer_(patience) {}

    // begin(): a stream begins. end(): the stream has ended.
    void begin(Time now) { confirmer_.begin(upstream_.sender_timeout(), now); }
    void end() { confirmer_.end(); }

    // Everything up to `confirmable` is delivered. Each throws StreamLost.
    void confirm(Lsn confirmable, Time now) {
        Confirmer::Update update = confirmer_.update(confirmable, now);
        upstream_.confirm(update.confirmed, update.requests_reply);
    }
    void confirm_if_due(Lsn confirmable, Time now) {
        if (confirmer_.is_due(confirmable, now))
            confirm(confirmable, now);
    }

    // Throws StreamLost where the server is silent. Where the process behind an idle connection is gone or frozen, only the missing answer
    // shows that. A relay that does not read cannot hear an answer.
    void require_answers(bool can_hear, Time now);

    // Confirms for the last time and ends the stream: the last confirmation counts only when the server has read it, and the server answers
    // the end.
    void say_goodbye(Lsn confirmable, Time now) {
        confirm(confirmable, now);
        upstream_.end();
    }
    bool goodbye_is_answered(); // passes over what the server still sends

    // When confirm_if_due() or require_answers() is due at the latest.
    Time due_at(Lsn confirmable) const { return std::min(confirmer_.due_at(confirmable), confirmer_.silent_at()); }

    Confirmer &confirmer() { return confirmer_; }
    Lsn sent() const { return confirmer_.sent(); } // the last LSN that this stream has confirmed; 0: none

private:
    Upstream &upstream_;
    Confirmer confirmer_;
};

} // namespace outbox
