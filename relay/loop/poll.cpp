#include "loop/poll.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace outbox {
namespace {

constexpr auto wait_max = std::chrono::seconds(10);

} // namespace

void Poll::wait(Clock::time_point until, Clock::time_point now) {
    auto left = std::chrono::nanoseconds(std::min<Clock::duration>(std::max(until, now) - now, wait_max));
    timespec timeout = {static_cast<time_t>(left.count() / 1000000000), static_cast<long>(left.count() % 1000000000)};
    if (ppoll(descriptors_.data(), descriptors_.size(), &timeout, nullptr) >= 0)
        return;
    if (errno != EINTR)
        throw std::system_error(errno, std::generic_category(), "poll");
    for (pollfd &each : descriptors_)
        each.revents = 0;
}

} // namespace outbox
