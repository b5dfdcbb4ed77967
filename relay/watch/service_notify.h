// Tells the service manager how the relay is, as sd_notify(3) would but without its library: datagrams to the socket in NOTIFY_SOCKET.
// Nothing without that variable. Never blocks, and never fails the relay. Tested by test/t/018_status.t.
#pragma once

#include "core/status.h"

#include <optional>

namespace outbox {

class ServiceNotify {
public:
    // May be called at every turn: says it when it has changed. Ready is who has streamed, or waits for another's slot or for Kafka; for
    // good.
    void tell(RelayState state);

private:
    std::optional<RelayState> told_;
    bool is_ready_ = false;
};

} // namespace outbox
