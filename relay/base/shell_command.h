// A command of the operator's that prints a secret, run by `sh -c` beside the caller. Standard input is empty, standard error goes nowhere,
// and nothing repeats the output. The command has half a minute and 64 KiB of output; whatever the command has started ends with it. No
// function waits but run(). Tested by test/unit/shell_command_test.cpp.
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
        std::string text; // what the command printed, without the line end behind the text
        // the reason why there is no text, such as "ended with exit status 3", without the output; empty: there is a text
        std::string failure;
    };

    explicit ShellCommand(std::chrono::milliseconds patience = std::chrono::seconds(30)) : patience_(patience) {}
    ~ShellCommand() { cancel(); }
    ShellCommand(const ShellCommand &) = delete;
    ShellCommand &operator=(const ShellCommand &) = delete;

    // Starts the command; a command that is still running is ended first. Throws std::system_error where the system gives no process.
    void start(const std::string &command);
    void cancel();
    bool is_running() const { return process_ > 0; }

    // One step. The caller calls advance() when wanted() is ready, and at due_at() in any case. The output comes once, when the command has
    // ended.
    std::optional<Output> advance();
    pollfd wanted() const { return {pipe_ >= 0 ? pipe_ : end_, POLLIN, 0}; }
    Clock::time_point due_at() const;

    // Starts the command and waits for its end. Ends early, with a failure, when `stop_descriptor` becomes readable.
    Output run(const std::string &command, int stop_descriptor = -1);

private:
    void read_output();
    Output finished(int status);
    Output failed(const std::string &why);
    void forget();

    std::chrono::milliseconds patience_;
    pid_t process_ = 0;
    int pipe_ = -1; // -1: the command has closed its output
    int end_ = -1;  // a pidfd, readable when the process has ended; -1: the kernel offers none
    std::string text_;
    Clock::time_point deadline_;
};

} // namespace outbox
