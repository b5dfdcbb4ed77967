// SIGTERM, SIGINT and SIGHUP as something to wait for; SIGHUP has a running relay look for changed passwords and ends every other command.
// main() makes one before anything else, and hands it to every command: a process that is PID 1, as in a container, never gets a signal
// that has neither a handler nor a mask, and would have to be killed.
//
// A command that waits polls descriptor() beside what it waits for, or calls stop_if_asked() every few hundred milliseconds, and lets
// Interrupted pass: main() ends the process with 128 + the signal's number. Tested by test/t/050_signals.t.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>

namespace outbox {

// No error: somebody asked the command to end before it was done.
class Interrupted : public std::runtime_error {
public:
    explicit Interrupted(int signal);
    int signal() const { return signal_; }
    int exit_status() const { return 128 + signal_; }

private:
    int signal_;
};

// The number of the next signal that waits at a signalfd; never waits.
std::optional<int> take_signal(int descriptor);

class Signals {
public:
    // Blocks the signals in this thread, and so in those that it starts from now on. Throws std::system_error.
    Signals();
    ~Signals(); // they stay blocked: one that comes while the process ends must not change its exit status
    Signals(const Signals &) = delete;
    Signals &operator=(const Signals &) = delete;

    int descriptor() const { return descriptor_; } // readable while a signal waits
    std::optional<int> take() { return take_signal(descriptor_); }
    void stop_if_asked();                           // throws Interrupted where one waits
    void pause(std::chrono::milliseconds duration); // sleeps; throws Interrupted as soon as one comes

private:
    int descriptor_ = -1;
};

} // namespace outbox
