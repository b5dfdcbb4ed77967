#include "watch/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace outbox {
namespace {

// False where it should be tried again.
bool send_to_manager(const std::string &message) {
    const char *variable = getenv("NOTIFY_SOCKET");
    std::string_view path = variable == nullptr ? "" : variable;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return true;
    memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@')
        address.sun_path[0] = '\0'; // a name that is no file
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return true;
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    ssize_t sent = sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&address), size);
    bool again = sent < 0 && errno == EAGAIN;
    close(descriptor);
    return !again;
}

} // namespace

void ServiceNotify::tell(RelayState state) {
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

} // namespace outbox
