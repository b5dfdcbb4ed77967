#include "relay/base/shell_command.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace outbox {
namespace {

ShellCommand::Output run(const std::string &command, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    return ShellCommand(patience).run(command);
}

TEST(ShellCommandTest, gives_what_is_printed_without_the_line_end) {
    EXPECT_EQ(run("echo secret").text, "secret");
    EXPECT_EQ(run("printf 'a b\\r\\n'").text, "a b");
    EXPECT_EQ(run("printf 'a\\nb'").text, "a\nb");
    EXPECT_EQ(run("echo secret").failure, "");
}

TEST(ShellCommandTest, a_failure_repeats_nothing_of_what_was_printed) {
    EXPECT_EQ(run("echo canary; exit 3").failure, "ended with exit status 3");
    EXPECT_EQ(run("echo canary; exit 3").text, "");
    EXPECT_EQ(run("kill -9 $$").failure, "was ended by signal 9");
    EXPECT_EQ(run("true").failure, "printed nothing");
    EXPECT_EQ(run("no-such-program").failure, "ended with exit status 127");
}

TEST(ShellCommandTest, output_is_bounded) {
    EXPECT_EQ(run("head -c 65536 /dev/zero | tr '\\0' x").text.size(), 65536u);
    EXPECT_EQ(run("head -c 65537 /dev/zero | tr '\\0' x").failure, "printed more than 65536 bytes");
    EXPECT_EQ(run("cat /dev/zero").failure, "printed more than 65536 bytes");
}

TEST(ShellCommandTest, time_is_bounded_and_nothing_stays_behind) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0); // while a grandchild holds the writing end, a read does not end
    std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(ends[1]);
    EXPECT_EQ(run("exec 9>" + path + "; echo canary; sleep 600 & sleep 600", std::chrono::milliseconds(200)).failure,
              "did not end within 200 ms");
    close(ends[1]);
    pollfd end = {ends[0], POLLIN, 0};
    EXPECT_EQ(poll(&end, 1, 10000), 1) << "both sleeps are gone";
    close(ends[0]);
}

TEST(ShellCommandTest, has_an_end_when_its_output_has_one_and_it_stays) {
    EXPECT_EQ(run("echo x; exec >/dev/null; sleep 600", std::chrono::milliseconds(200)).failure, "did not end within 200 ms");
}

TEST(ShellCommandTest, has_no_descriptor_no_input_and_no_signal_of_the_relays) {
    int descriptor = open("/dev/null", O_RDONLY); // without O_CLOEXEC
    signal(SIGPIPE, SIG_IGN);
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    EXPECT_EQ(run("cat; ls /proc/self/fd | wc -l").text, "4") << "three, and that of the folder";
    EXPECT_EQ(run("grep ^SigBlk /proc/self/status | tr -d '0\\t'").text, "SigBlk:");
    EXPECT_EQ(run("kill -PIPE $$; echo on").failure, "was ended by signal 13");
    sigprocmask(SIG_SETMASK, &before, nullptr);
    signal(SIGPIPE, SIG_DFL);
    close(descriptor);
}

TEST(ShellCommandTest, never_waits_unless_it_is_run) {
    ShellCommand command;
    command.start("read x </dev/null; sleep 0.05; echo late");
    EXPECT_FALSE(command.advance());
    std::optional<ShellCommand::Output> output;
    while (!output) {
        pollfd wanted = command.wanted();
        poll(&wanted, 1, wanted.fd < 0 ? 10 : 10000);
        output = command.advance();
    }
    EXPECT_EQ(output->text, "late");
    EXPECT_FALSE(command.is_running());
}

TEST(ShellCommandTest, can_be_cancelled_and_started_again) {
    ShellCommand command;
    command.start("sleep 600");
    command.cancel();
    EXPECT_FALSE(command.is_running());
    command.start("sleep 600");
    EXPECT_EQ(command.run("echo again").text, "again");
}

TEST(ShellCommandTest, whoever_waits_can_be_told_to_stop) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(ShellCommand().run("sleep 600", ends[0]).failure, "is no longer waited for");
    close(ends[0]);
    close(ends[1]);
}

} // namespace
} // namespace outbox
