// When PostgreSQL gets a status update, what the update says, and whether the server still answers. Pure: the clock is the caller's. Tested
// by test/unit/confirmer_test.cpp.
//
// A kernel keeps a TCP connection alive whose process is frozen. So the relay asks: a status update requests a reply when the server has
// been silent for a third of the patience, and a server that has not answered for the rest of the patience is silent. The time counts from
// the request, so that a relay that was frozen itself asks before it judges. A relay that does not read, because Kafka takes nothing,
// cannot hear an answer: such a relay neither asks nor judges.
//
// A walsender also answers nothing while it decodes a long transaction without an event for the relay. A session that is given up for
// silence only makes the server decode that transaction again. So the next session gets twice the patience, until an LSN beyond is
// confirmed.
#pragma once

#include "core/wire.h"

#include <algorithm>
#include <chrono>

namespace outbox {

class Confirmer {
public:
    using Time = std::chrono::steady_clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    explicit Confirmer(milliseconds patience) : patience_(patience) {}

    void set_patience(milliseconds patience) { patience_ = patience; } // holds from the next session on

    // A session begins. `sender_timeout`: the server's wal_sender_timeout, 0: none.
    void begin(milliseconds sender_timeout, Time now) {
        bool is_given = sender_timeout.count() != 0;
        status_interval_ = is_given ? std::min(status_interval_max, sender_timeout / 3) : status_interval_max;
        session_factor_ = factor_;
        session_patience_ = std::max(patience_min, is_given ? std::min(patience_, sender_timeout) : patience_) * factor_;
        sent_ = {};
        status_at_ = heard_at_ = now;
        reply_is_owed_ = is_asked_ = false;
    }

    // The session has ended: the last update may not have arrived.
    void end() { sent_ = {}; }

    // heard(): bytes of the server have arrived. reply_requested(): a keepalive asks for a status update.
    void heard(Time now) {
        heard_at_ = now;
        is_asked_ = false;
    }
    void reply_requested() { reply_is_owed_ = true; }

    // The relay does not read what the server sends, so silence proves nothing.
    void cannot_hear(Time now) { heard(now); }

    // True where a status update is due. Everything up to `confirmable` is delivered.
    bool is_due(Lsn confirmable, Time now) const { return reply_is_owed_ || now >= due_at(confirmable); }
    Time due_at(Lsn confirmable) const {
        Time at = status_at_ + (confirmable > sent_ ? confirm_interval : status_interval_);
        return is_asked_ ? at : std::min(at, std::max(ask_at(), status_at_ + confirm_interval));
    }

    struct Update {
        Lsn confirmed;
        bool requests_reply;
    };
    // The content of the update that the caller sends now.
    Update update(Lsn confirmable, Time now) {
        sent_ = std::max(sent_, confirmable);
        if (sent_ > silent_at_position_)
            factor_ = 1; // from the next session on: this one may still reach the transaction that takes long
        status_at_ = now;
        reply_is_owed_ = false;
        bool asks = !is_asked_ && now >= ask_at();
        if (asks) {
            is_asked_ = true;
            asked_at_ = now;
        }
        return {sent_, asks};
    }
    Lsn sent() const { return sent_; } // the last LSN that this session has confirmed

    // True where the server owes an answer for too long.
    bool server_is_silent(Time now) const { return now >= silent_at(); }
    Time silent_at() const { return is_asked_ ? asked_at_ + (session_patience_ - session_patience_ / 3) : Time::max(); }
    milliseconds patience() const { return session_patience_; } // of this session

    // The caller gives the session up for silence.
    void give_up() {
        silent_at_position_ = std::max(silent_at_position_, sent_);
        factor_ = std::min(session_factor_ * 2, factor_max);
    }

private:
    static constexpr milliseconds confirm_interval{10}; // at least so long between two confirmations of a busy stream
    static constexpr milliseconds status_interval_max{10000};
    static constexpr milliseconds patience_min{1000};
    static constexpr int factor_max = 128; // times the patience: about an hour

    Time ask_at() const { return heard_at_ + session_patience_ / 3; }

    milliseconds patience_;
    int factor_ = 1, session_factor_ = 1;
    Lsn silent_at_position_{}; // the LSN that was confirmed when the server fell silent
    milliseconds session_patience_{}, status_interval_{};
    Lsn sent_{};
    Time status_at_, heard_at_, asked_at_;
    bool reply_is_owed_ = false, is_asked_ = false;
};

} // namespace outbox
