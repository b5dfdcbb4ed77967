#include "loop/server_link.h"

#include <spdlog/fmt/fmt.h>

namespace outbox {

void ServerLink::require_answers(bool can_hear, Time now) {
    if (upstream_.take_heard())
        confirmer_.heard(now);
    if (!can_hear)
        confirmer_.cannot_hear(now);
    if (!confirmer_.server_is_silent(now))
        return;
    confirmer_.give_up();
    upstream_.give_up();
    throw StreamLost(fmt::format("PostgreSQL has not answered for {} ms, though the connection stands", confirmer_.patience().count()));
}

bool ServerLink::goodbye_is_answered() {
    while (!upstream_.has_ended() && !std::holds_alternative<std::monostate>(upstream_.receive())) {
    }
    return upstream_.has_ended();
}

} // namespace outbox
