// A command of the operator's that prints a secret, run by `sh -c` beside the caller: standard input is empty, standard error goes nowhere,
// and what it prints is never repeated. It has half a minute and 64 KiB; whatever it has started ends with it. Never waits, but for run().
// Tested by test/unit/shell_command_test.cpp.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

namespace outbox {

class ShellCommand {
public:
    using Clock = std::chrono::steady_clock;

    struct Output {
        std::string text;    // without the line end behind it
        std::string failure; // why there is none, without what was printed: "ended with exit status 3"; empty: there is one
    };

    explicit ShellCommand(std::chrono::milliseconds patience = std::chrono::seconds(30)) : patience_(patience) {}
    ~ShellCommand() { cancel(); }
    ShellCommand(const ShellCommand &) = delete;
    ShellCommand &operator=(const ShellCommand &) = delete;

    // What runs already is ended first. Throws std::system_error where there can be no process.
    void start(const std::string &command);
    void cancel();
    bool is_running() const { return process_ > 0; }

    // To be called when wanted() is ready, and at due_at() though nothing is.
    std::optional<Output> advance();
    pollfd wanted() const { return {pipe_ >= 0 ? pipe_ : end_, POLLIN, 0}; }
    Clock::time_point due_at() const;

    // All at once; ends early, with a failure, when there is something to read at the descriptor.
    Output run(const std::string &command, int stop_descriptor = -1);

private:
    void read_output();
    Output finished(int status);
    Output failed(const std::string &why);
    void forget();

    std::chrono::milliseconds patience_;
    pid_t process_ = 0;
    int pipe_ = -1; // none: it has closed its output
    int end_ = -1;  // readable when it has ended; none: the kernel does not offer that
    std::string text_;
    Clock::time_point deadline_;
};

} // namespace outbox
