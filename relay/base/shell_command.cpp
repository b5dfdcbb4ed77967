#include "base/shell_command.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace outbox {
namespace {

constexpr size_t output_bytes_max = 64 << 10;
constexpr auto last_look = std::chrono::milliseconds(10); // how long to wait for a process that has closed its output and is about to end

void require(int error, const char *what) {
    if (error != 0)
        throw std::system_error(error, std::generic_category(), what);
}

// The command gets no descriptor of the relay but the three. musl has no such action for the new process, so there the relay's own
// descriptors are marked as those that no new program gets, which takes Linux 5.11.
int close_others([[maybe_unused]] posix_spawn_file_actions_t &actions) {
    constexpr unsigned first = STDERR_FILENO + 1;
#ifdef __GLIBC__
    return posix_spawn_file_actions_addclosefrom_np(&actions, static_cast<int>(first));
#else
    return syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0 ? 0 : errno;
#endif
}

// Starts the command with the signals as a shell expects them, since the relay blocks some and ignores SIGPIPE. The process leads a group
// of its own, so that kill() reaches all that the command has started.
pid_t spawn(const std::string &command, int output) {
    posix_spawnattr_t attributes;
    require(posix_spawnattr_init(&attributes), "posix_spawnattr_init");
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_t actions;
    require(posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    require(close_others(actions), "cannot keep the relay's descriptors from a command, which takes Linux 5.11");
    std::string shell = "sh", option = "-c", text = command;
    char *arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t process = 0;
    int error = posix_spawn(&process, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    require(error, "cannot run /bin/sh");
    return process;
}

} // namespace

void ShellCommand::start(const std::string &command) {
    cancel();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "pipe");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    try {
        process_ = spawn(command, ends[1]);
    } catch (...) {
        close(ends[0]);
        close(ends[1]);
        throw;
    }
    close(ends[1]);
    pipe_ = ends[0];
    deadline_ = Clock::now() + patience_;
}

void ShellCommand::cancel() {
    if (process_ > 0) {
        kill(-process_, SIGKILL);
        kill(process_, SIGKILL); // where the process has no group of its own yet
        while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    forget();
}

void ShellCommand::forget() {
    for (int *descriptor : {&pipe_, &end_})
        if (int open = std::exchange(*descriptor, -1); open >= 0)
            close(open);
    process_ = 0;
    std::fill(text_.begin(), text_.end(), '\0');
    text_.clear();
}

ShellCommand::Clock::time_point ShellCommand::due_at() const {
    return pipe_ >= 0 || end_ >= 0 ? deadline_ : std::min(deadline_, Clock::now() + last_look);
}

void ShellCommand::read_output() {
    char buffer[4096];
    while (pipe_ >= 0 && text_.size() <= output_bytes_max) {
        ssize_t size = read(pipe_, buffer, sizeof(buffer));
        if (size < 0)
            return;
        text_.append(buffer, static_cast<size_t>(size));
        if (size == 0) {
            close(std::exchange(pipe_, -1));
            end_ = static_cast<int>(syscall(SYS_pidfd_open, process_, 0)); // glibc 2.36 declares pidfd_open for C alone
        }
    }
}

ShellCommand::Output ShellCommand::failed(const std::string &why) {
    cancel();
    return {"", why};
}

ShellCommand::Output ShellCommand::finished(int status) {
    std::string text = text_;
    forget();
    if (WIFSIGNALED(status))
        return {"", "was ended by signal " + std::to_string(WTERMSIG(status))};
    if (WEXITSTATUS(status) != 0)
        return {"", "ended with exit status " + std::to_string(WEXITSTATUS(status))};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
        text.pop_back();
    if (text.empty())
        return {"", "printed nothing"};
    return {text, ""};
}

std::optional<ShellCommand::Output> ShellCommand::advance() {
    read_output();
    if (text_.size() > output_bytes_max)
        return failed("printed more than 65536 bytes");
    siginfo_t ended = {};
    if (pipe_ < 0 && waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == process_) {
        // ends what the command left behind; the process is not reaped yet, so the group's number is still its own
        kill(-process_, SIGKILL);
        int status = 0;
        waitpid(process_, &status, 0);
        return finished(status);
    }
    if (Clock::now() >= deadline_)
        return failed("did not end within " + std::to_string(patience_.count()) + " ms");
    return std::nullopt;
}

ShellCommand::Output ShellCommand::run(const std::string &command, int stop_descriptor) {
    start(command);
    for (;;) {
        if (std::optional<Output> output = advance())
            return *output;
        auto left = std::chrono::ceil<std::chrono::milliseconds>(due_at() - Clock::now());
        pollfd wants[] = {wanted(), {stop_descriptor, POLLIN, 0}};
        poll(wants, 2, static_cast<int>(std::max<long long>(0, left.count())));
        if (wants[1].revents != 0)
            return failed("is no longer waited for");
    }
}

} // namespace outbox
