// Tells the service manager the relay's state, by the protocol of sd_notify(3) and without its library: datagrams to the socket in
// NOTIFY_SOCKET. Does nothing without that variable. Never blocks, and never fails the relay. Tested by test/t/018_status.t and
// test/unit/service_notify_test.cpp.
#pragma once

#include "core/clock.h"
#include "core/status.h"

#include <optional>

namespace outbox {

class ServiceNotify {
public:
    // Reads WATCHDOG_USEC and WATCHDOG_PID: how long the service manager waits for a sign of life, and from which process. Warns where the
    // relay's loop may sleep for longer.
    ServiceNotify();

    // Called at every turn; sends the state when it has changed. READY=1 comes once, when the relay has streamed, or waits for another
    // relay's slot or for Kafka. A sign of life follows four times in the manager's patience, as far as the loop turns so often.
    void tell(RelayState state, Clock::time_point now);

private:
    void give_sign_of_life(Clock::time_point now);

    std::optional<Clock::duration> sign_interval_; // nullopt: the manager does not watch
    std::optional<Clock::time_point> signed_at_;
    std::optional<RelayState> told_;
    bool is_ready_ = false;
};

} // namespace outbox
