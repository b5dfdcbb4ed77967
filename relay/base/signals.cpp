#include "base/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>

namespace outbox {
namespace {

// One of the three that Signals takes.
const char *name_of(int signal) { return signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "SIGHUP"; }

} // namespace

Interrupted::Interrupted(int signal) : std::runtime_error(std::string("stopped by ") + name_of(signal)), signal_(signal) {}

Signals::Signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int error = pthread_sigmask(SIG_BLOCK, &set, nullptr);
    if (error != 0)
        throw std::system_error(error, std::generic_category(), "pthread_sigmask");
    descriptor_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor_ < 0)
        throw std::system_error(errno, std::generic_category(), "signalfd");
}

Signals::~Signals() { close(descriptor_); }

std::optional<int> take_signal(int descriptor) {
    signalfd_siginfo signal;
    if (read(descriptor, &signal, sizeof(signal)) != sizeof(signal))
        return {};
    return static_cast<int>(signal.ssi_signo);
}

void Signals::stop_if_asked() {
    if (std::optional<int> signal = take())
        throw Interrupted(*signal);
}

void Signals::pause(std::chrono::milliseconds duration) {
    pollfd wanted = {descriptor_, POLLIN, 0};
    poll(&wanted, 1, static_cast<int>(duration.count()));
    stop_if_asked();
}

} // namespace outbox
