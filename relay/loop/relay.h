// The relay: one thread, one place that waits, one place that confirms, one place that decides when PostgreSQL is read.
// The slot is its only memory; it may be killed at any instruction. Tested by test/t/.
//
// Each connection to PostgreSQL is a session. What an earlier one had in flight is delivered as well, but the slot sends it again.
#pragma once

#include "base/log.h"
#include "core/backoff.h"
#include "core/inquiry.h"
#include "core/rhythm.h"
#include "core/session.h"
#include "core/sink.h"
#include "core/status.h"
#include "core/upstream.h"
#include "loop/complaint.h"
#include "loop/confirmer.h"
#include "loop/ending.h"
#include "loop/same_error.h"
#include "loop/stall.h"

#include <functional>
#include <memory>
#include <vector>

namespace outbox {

struct RelayOptions {
    size_t max_in_flight_bytes;
    std::chrono::milliseconds shutdown_grace;
    std::chrono::milliseconds server_silence{30000}; // how long PostgreSQL may leave a status update without its reply

    // Where given, the relay ends by itself: when this knows a position and the slot is confirmed up to it. When all that there was at
    // the start is delivered and it still knows none, with a Failure of this text.
    std::function<std::optional<Lsn>()> done_at = {};
    std::string not_done = {};
};

// What a relay works with. All of it outlives the relay.
struct RelayParts {
    Upstream &upstream;
    ShutdownInquiry &shutdown;
    SlotInquiry &slot;
    std::function<std::unique_ptr<Sink>(DeliveryListener &, const Budget &)> make_sink;
    std::function<void(RelayState)> on_state; // hears at every turn how the relay is
    Status &status;
    int signals; // a signalfd, through which the blocked SIGTERM, SIGINT and SIGHUP come
};

class Relay : private DeliveryListener {
public:
    Relay(RelayOptions options, RelayParts parts);
    ~Relay() { stream_.close(); } // before the sink goes, which can take a moment: the slot is free for another

    // Until a signal, or until the sink's reader has gone. Throws Failure where an operator is needed.
    void run();

    // The signal that ended it before it was done.
    std::optional<int> ended_by() const { return is_done() ? std::nullopt : ending_.ended_by(); }

private:
    enum class State { running, draining, leaving, left }; // draining: events are awaited; leaving: the server's answer

    void step();
    void wait();
    Clock::time_point next_deadline() const;
    void take_signal();

    void connect_if_due();
    void lose_session(const StreamLost &lost);
    std::string reason_of(const StreamLost &lost);
    void lose_sink(const SinkFailure &failure);
    void end_session();
    Session make_session();

    bool may_read() const;
    void give_up_offering();
    void pump();
    bool next_message();
    void count_rejected(const Rejected &rejected);

    void delivered(const Chunk &chunk) override;
    Lsn confirmable() const { return sink_->confirmable(session_.confirmed()); }
    void confirm();
    void send_status();
    void require_answers();

    void watch_slot();
    void take_notice(const std::string &text, bool is_warning);
    void watch_for_server_shutdown();
    bool server_is_stopping() const { return server_stops_at_ != Clock::time_point::max(); }

    void end_when_done();
    bool is_done() const;
    void say_what_is_awaited() const;
    void start_draining();
    void stop_for(const Failure &failure);
    bool has_drained() const;
    void drain();
    void leave();
    void leave_quietly();
    void await_goodbye();

    RelayState visible_state(Clock::time_point now) const;
    void update_status();

    RelayOptions options_;
    RelayParts parts_;
    Status &status_;
    Budget budget_;
    std::unique_ptr<Sink> sink_;
    Upstream &stream_;
    State state_ = State::running;

    // the session
    uint64_t session_number_ = 0;
    Session session_;
    Confirmer confirmer_;
    Clock::time_point streaming_since_;

    // attempts
    Clock::time_point connect_at_;
    Clock::time_point sink_lost_at_;
    Backoff connect_backoff_, slot_backoff_, sink_backoff_;
    Conditions postgres_;
    Condition kafka_;
    Clock::time_point drain_until_ = Clock::time_point::max();
    Ending ending_;

    // the rhythm of reading
    std::vector<pollfd> wanted_;
    bool signal_is_ready_ = false, stream_is_ready_ = false, probe_is_ready_ = false;
    Rhythm rhythm_;
    size_t received_bytes_ = 0; // in this pump
    bool sink_is_busy_ = false;
    bool is_drained_ = true; // the last pump left nothing in libpq

    // the server's shutdown
    ShutdownInquiry &probe_;
    Stall stall_;
    bool made_progress_ = false; // since the stall was looked at
    Clock::time_point probe_at_;
    Clock::time_point server_stops_at_ = Clock::time_point::max(); // when it was noticed

    // what else it knows of the server
    SlotInquiry &slot_watch_;
    Complaint complaint_;
    SameError same_error_;

    uint64_t rejected_ = 0, events_rejected_ = 0;
    Clock::time_point rejected_said_at_;
    FewLines events_rejected_said_;

    // for the status
    RelayState without_stream_ = RelayState::connecting; // why there is none
    uint64_t events_delivered_ = 0;
};

} // namespace outbox
