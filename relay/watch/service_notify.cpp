#include "watch/service_notify.h"

#include "base/log.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace outbox {
namespace {

// Sends a datagram. False where another attempt may succeed.
bool send_to_manager(const std::string &message) {
    const char *variable = getenv("NOTIFY_SOCKET");
    std::string_view path = variable == nullptr ? "" : variable;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return true;
    memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@')
        address.sun_path[0] = '\0'; // an abstract name, which is no file
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return true;
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    ssize_t sent = sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&address), size);
    bool again = sent < 0 && errno == EAGAIN;
    close(descriptor);
    return !again;
}

constexpr auto least_patience = std::chrono::seconds(30); // the loop sleeps ten seconds at most

std::optional<long long> number_in(const char *variable) {
    const char *text = getenv(variable);
    std::string_view digits = text == nullptr ? "" : text;
    long long value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    bool is_number = error == std::errc() && end == digits.data() + digits.size() && value > 0;
    return is_number ? std::optional(value) : std::nullopt;
}

} // namespace

ServiceNotify::ServiceNotify() {
    std::optional<long long> patience_us = number_in("WATCHDOG_USEC"), watched = number_in("WATCHDOG_PID");
    if (!patience_us || (watched && *watched != getpid()))
        return;
    auto patience = std::chrono::microseconds(*patience_us);
    if (patience < least_patience)
        spdlog::warn("WatchdogSec is {} ms, and the service manager may end a relay that is well; expected {} s or more",
                     *patience_us / 1000, least_patience.count());
    sign_interval_ = patience / 4;
}

void ServiceNotify::tell(RelayState state, Clock::time_point now) {
    give_sign_of_life(now);
    if (state == told_)
        return;
    std::string message = std::string("STATUS=") + name_of(state);
    bool is_ready = is_ready_ || (state != RelayState::connecting && state != RelayState::draining);
    if (is_ready && !is_ready_)
        message += "\nREADY=1";
    if (state == RelayState::draining)
        message += "\nSTOPPING=1";
    if (!send_to_manager(message))
        return;
    told_ = state;
    is_ready_ = is_ready;
}

void ServiceNotify::give_sign_of_life(Clock::time_point now) {
    if (!sign_interval_ || (signed_at_ && now < *signed_at_ + *sign_interval_))
        return;
    if (send_to_manager("WATCHDOG=1"))
        signed_at_ = now;
}

} // namespace outbox
