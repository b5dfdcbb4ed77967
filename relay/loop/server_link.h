// What the relay says to the server while a stream runs: status updates when they are due, the demand for an answer, and the goodbye. The
// clock is the caller's. When an update is due and what it says is the confirmer's. Tested by test/unit/server_link_test.cpp.
#pragma once

#include "core/upstream.h"
#include "loop/confirmer.h"

namespace outbox {

class ServerLink {
public:
    using Time = Clock::time_point;

    // `patience`: how long the server may leave a status update without its reply. The upstream outlives the link.
    ServerLink(Upstream &upstream, std::chrono::milliseconds patience) : upstream_(upstream), confirmer_(patience) {}

    // A stream begins; it has ended.
    void begin(Time now) { confirmer_.begin(upstream_.sender_timeout(), now); }
    void end() { confirmer_.end(); }

    // Everything up to `confirmable` is safe. Each throws StreamLost.
    void confirm(Lsn confirmable, Time now) {
        Confirmer::Update update = confirmer_.update(confirmable, now);
        upstream_.confirm(update.confirmed, update.requests_reply);
    }
    void confirm_if_due(Lsn confirmable, Time now) {
        if (confirmer_.is_due(confirmable, now))
            confirm(confirmable, now);
    }

    // What an idle database's connection is worth. Where the process behind it is gone or frozen, only the missing answer shows it. A relay
    // that does not read cannot hear an answer. Throws StreamLost where the server is silent.
    void require_answers(bool can_hear, Time now);

    // The last confirmation counts only when the server has read it: the stream is ended properly, and the server answers that.
    void say_goodbye(Lsn confirmable, Time now) {
        confirm(confirmable, now);
        upstream_.end();
    }
    bool goodbye_is_answered(); // passes over what the server still sends

    // When to do one of these at the latest.
    Time due_at(Lsn confirmable) const { return std::min(confirmer_.due_at(confirmable), confirmer_.silent_at()); }

    Confirmer &confirmer() { return confirmer_; }
    Lsn sent() const { return confirmer_.sent(); } // the last confirmation of this stream; 0: none

private:
    Upstream &upstream_;
    Confirmer confirmer_;
};

} // namespace outbox
