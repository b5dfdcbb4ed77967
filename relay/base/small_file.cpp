#include "base/small_file.h"

#include "base/descriptor.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace outbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t bytes_max = 1 << 20;

// False where nothing came until then.
bool wait_for_bytes(int descriptor, steady_clock::time_point until) {
    auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
    pollfd watched = {.fd = descriptor, .events = POLLIN, .revents = 0};
    return left.count() > 0 && poll(&watched, 1, static_cast<int>(left.count())) != 0;
}

} // namespace

std::string read_small_file(const std::string &path, milliseconds patience) {
    auto refuse = [&](const std::string &reason) { throw std::invalid_argument("cannot read \"" + path + "\": " + reason); };
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file.is_open())
        refuse(strerror(errno));
    std::string text;
    char buffer[16 << 10];
    auto until = steady_clock::now() + patience;
    bool is_silent_pipe = true; // a pipe without a writer is at its end for read(), and not for poll()
    while (text.size() <= bytes_max) {
        if (is_silent_pipe && !wait_for_bytes(file.get(), until))
            refuse("nobody wrote into it for " + std::to_string(patience.count() / 1000) + " s");
        ssize_t size = read(file.get(), buffer, sizeof(buffer));
        is_silent_pipe = size < 0 && errno == EAGAIN;
        if (size == 0)
            return text;
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            refuse(strerror(errno));
        if (size > 0)
            text.append(buffer, static_cast<size_t>(size));
    }
    throw std::invalid_argument("\"" + path + "\" has more than a mebibyte");
}

} // namespace outbox
