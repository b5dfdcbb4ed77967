// The relay: one thread, one place that waits, one place that confirms, one place that decides when PostgreSQL is read. The relay is the
// order in which its parts have their turns; each part's decisions are in its own file. The slot is the relay's only memory, so the process
// may be killed at any instruction. Tested by test/unit/relay_test.cpp and test/t/.
//
// Each connection to PostgreSQL is a session. Events that an earlier session had in flight are delivered as well, and the slot sends them
// again.
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

// The bounds that an operator may change while the relay runs.
struct Bounds {
    size_t max_in_flight_bytes;
    std::chrono::milliseconds shutdown_grace;
    std::chrono::milliseconds server_silence{30000}; // a reply of PostgreSQL to a status update may take so long
};

struct RelayOptions {
    Bounds bounds;
    Goal goal = {};
};

// The parts that a relay works with. Each outlives the relay.
struct RelayParts {
    Upstream &upstream;
    ShutdownInquiry &shutdown;
    SlotInquiry &slot;
    std::function<std::unique_ptr<Sink>(DeliveryListener &, Budget &)> make_sink;
    std::function<void(RelayState)> on_state; // called at every turn of the loop
    std::function<Bounds()> on_reload = {};   // reads the settings again and returns their bounds; empty: none can change
    Status &status;
    int signals; // a signalfd with SIGTERM, SIGINT and SIGHUP, which are blocked
};

class Relay : private DeliveryListener {
public:
    Relay(RelayOptions options, RelayParts parts);
    ~Relay() { parts_.upstream.close(); } // frees the slot for another relay before the sink goes, which can take a moment

    // Runs until a signal, until the goal is reached, or until the sink's reader has gone. Throws Failure where an operator is needed.
    void run();

    // The signal that ended a relay before its goal was reached; nullopt, too, where the relay has no goal.
    std::optional<int> interrupted_by() const;

private:
    void turn();
    void wait();
    Clock::time_point next_deadline() const;
    void take_signals();
    void reload();
    void change(const Bounds &bounds);

    // Defined in sessions.cpp.
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
