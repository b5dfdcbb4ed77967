// Asks a relay's status server for its figures. Tested by test/t/141_doctor_kafka.t and test/t/145_status_command.t.
#pragma once

#include "command/status_view.h"
#include "config/commands.h"

namespace outbox {

// Bounded as http_get(). Where the relay gives no figures, `view.relay_problem` says why.
void ask_relay(StatusView &view, const Endpoint &relay);

} // namespace outbox
