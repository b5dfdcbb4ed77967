// The relay: one thread, one place that waits, one place that confirms, one place that decides when PostgreSQL is read. The relay is the
// order in which its parts have their turns; what each of them decides is in its own file. Tested by test/unit/relay_test.cpp and test/t/.
// The slot is its only memory; it may be killed at any instruction.
//
// Each connection to PostgreSQL is a session. What an earlier one had in flight is delivered as well, but the slot sends it again.
#pragma once

#include "core/inquiry.h"
#include "core/session.h"
#include "core/sink.h"
#include "core/status.h"
#include "core/upstream.h"
#include "loop/attempts.h"
#include "loop/ending.h"
#include "loop/goal.h"
#include "loop/poll.h"
#include "loop/reader.h"
#include "loop/report.h"
#include "loop/server_link.h"
#include "loop/shutdown_watch.h"

#include <functional>
#include <memory>

namespace outbox {

// What an operator may change while the relay runs, too.
struct Bounds {
    size_t max_in_flight_bytes;
    std::chrono::milliseconds shutdown_grace;
    std::chrono::milliseconds server_silence{30000}; // how long PostgreSQL may leave a status update without its reply
};

struct RelayOptions {
    Bounds bounds;
    Goal goal = {};
};

// What a relay works with. All of it outlives the relay.
struct RelayParts {
    Upstream &upstream;
    ShutdownInquiry &shutdown;
    SlotInquiry &slot;
    std::function<std::unique_ptr<Sink>(DeliveryListener &, const Budget &)> make_sink;
    std::function<void(RelayState)> on_state; // hears at every turn how the relay is
    std::function<Bounds()> on_reload = {};   // an operator has changed settings: the bounds that hold now; empty: nobody hears it
    Status &status;
    int signals; // a signalfd, through which the blocked SIGTERM, SIGINT and SIGHUP come
};

class Relay : private DeliveryListener {
public:
    Relay(RelayOptions options, RelayParts parts);
    ~Relay() { parts_.upstream.close(); } // before the sink goes, which can take a moment: the slot is free for another

    // Until a signal, until the goal is reached, or until the sink's reader has gone. Throws Failure where an operator is needed.
    void run();

    // The signal that ended a relay before its goal was reached; nullopt also where it has none.
    std::optional<int> interrupted_by() const;

private:
    void turn();
    void wait();
    Clock::time_point next_deadline() const;
    void take_signals();
    void reload();
    void change(const Bounds &bounds);

    // In sessions.cpp.
    void connect_if_due();
    void lose_session(const StreamLost &lost);
    void lose_sink(const SinkFailure &failure);
    void end_session();

    void read();
    void delivered(const Chunk &chunk) override;
    Lsn confirmable() const { return sink_->confirmable(session_.confirmed()); }
    void talk_to_server();
    void ask_for_slot();
    void watch_for_server_shutdown();

    void end_at_goal();
    void start_draining();
    void stop_for(const Failure &failure);
    bool has_drained() const { return ending_.has_drained(sink_->empty(), session_.in_transaction()); }
    void drain();
    void leave();
    void leave_quietly();

    RelayState state(Clock::time_point now) const;

    static constexpr const char *comes_again = "what is not confirmed comes again with the next start";

    RelayParts parts_;
    Goal goal_;
    Budget budget_;
    std::unique_ptr<Sink> sink_;
    Report report_;
    Session session_;
    Attempts attempts_;
    Reader reader_;
    ServerLink link_;
    ShutdownWatch shutdown_;
    Ending ending_;
    Poll poll_;
};

} // namespace outbox
