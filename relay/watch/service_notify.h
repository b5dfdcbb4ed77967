// Tells the service manager how the relay is, as sd_notify(3) would but without its library: datagrams to the socket in NOTIFY_SOCKET.
// Nothing without that variable. Never blocks, and never fails the relay. Tested by test/t/018_status.t and
// test/unit/service_notify_test.cpp.
#pragma once

#include "core/clock.h"
#include "core/status.h"

#include <optional>

namespace outbox {

class ServiceNotify {
public:
    // Reads NOTIFY_SOCKET's neighbours WATCHDOG_USEC and WATCHDOG_PID: how long the manager waits for a sign of life, and whose. Warns
    // where that is shorter than the relay's loop may sleep.
    ServiceNotify();

    // May be called at every turn: says it when it has changed. Ready is who has streamed, or waits for another's slot or for Kafka; for
    // good. A sign of life follows four times in the manager's patience, as often as there are turns.
    void tell(RelayState state, Clock::time_point now);

private:
    void give_sign_of_life(Clock::time_point now);

    std::optional<Clock::duration> sign_interval_; // none: the manager does not watch
    std::optional<Clock::time_point> signed_at_;
    std::optional<RelayState> told_;
    bool is_ready_ = false;
};

} // namespace outbox
