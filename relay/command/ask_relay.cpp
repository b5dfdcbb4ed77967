#include "command/ask_relay.h"

#include "command/http_get.h"
#include "command/relay_answer.h"

namespace outbox {

void ask_relay(StatusView &view, const Endpoint &relay) {
    constexpr size_t answer_bytes_max = 1 << 20;
    HttpAnswer answer = http_get(relay, "/status", answer_bytes_max);
    if (!answer.is_ok)
        view.relay_problem = text_of(relay) + ": " + (answer.reason.empty() ? "no status there" : answer.reason);
    else if (!take_answer(view, answer.body))
        view.relay_problem = text_of(relay) + ": the program that answers is no relay of this version";
}

} // namespace outbox
