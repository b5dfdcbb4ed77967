// SIGTERM, SIGINT and SIGHUP as a descriptor to wait for. SIGHUP has a running relay look for changed passwords, and ends every other
// command. main() makes one Signals before anything else and hands it to every command: PID 1, which a process in a container is, never
// gets a signal that has neither a handler nor a mask.
//
// A command that waits polls descriptor() beside its other descriptors, or calls stop_if_asked() every few hundred milliseconds, and lets
// Interrupted pass: main() then ends the process with 128 + the signal's number. Tested by test/t/050_signals.t.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>

namespace outbox {

// Somebody asked the command to end before the command was done. main() logs no error.
class Interrupted : public std::runtime_error {
public:
    explicit Interrupted(int signal);
    int signal() const { return signal_; }
    int exit_status() const { return 128 + signal_; }

private:
    int signal_;
};

// The number of the next signal that waits at the signalfd; nullopt: none waits. Returns at once.
std::optional<int> take_signal(int descriptor);

class Signals {
public:
    // Blocks the signals in this thread, and so in every thread that this one starts from now on. Throws std::system_error.
    Signals();
    ~Signals(); // the signals stay blocked: one that comes while the process ends must not change its exit status
    Signals(const Signals &) = delete;
    Signals &operator=(const Signals &) = delete;

    int descriptor() const { return descriptor_; } // readable while a signal waits
    std::optional<int> take() { return take_signal(descriptor_); }
    void stop_if_asked();                           // throws Interrupted where a signal waits
    void pause(std::chrono::milliseconds duration); // sleeps; throws Interrupted as soon as a signal comes

private:
    int descriptor_ = -1;
};

} // namespace outbox
