#include "command/health.h"

#include "command/http_get.h"

#include <iostream>

namespace outbox {
namespace {

constexpr size_t answer_bytes_max = 4096;

} // namespace

int ask_health(const HealthCommand &command) {
    HttpAnswer answer = http_get(command.relay, command.ready ? "/readyz" : "/livez", answer_bytes_max);
    if (!answer.reason.empty()) {
        std::cout << text_of(command.relay) << ": " << answer.reason << std::endl;
        return 1;
    }
    std::cout << answer.body << std::flush;
    return answer.is_ok ? 0 : 1;
}

} // namespace outbox
