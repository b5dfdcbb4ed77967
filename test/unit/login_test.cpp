#include "relay/postgres/login.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace outbox {
namespace {

std::string password_by(PasswordRequest &request, const Login &login) {
    request.start(login);
    while (!request.advance()) {
        pollfd wanted = request.wanted();
        poll(&wanted, 1, wanted.fd < 0 ? 10 : 1000);
    }
    return request.password();
}

std::string missing_with(const std::string &command) {
    try {
        return "has " + ask_password({.dsn = "", .password_file = "", .password_command = command, .sslmode = ""});
    } catch (const PasswordMissing &missing) {
        return missing.what();
    }
}

TEST(LoginTest, without_a_file_and_a_command_the_password_is_libpqs_matter) {
    PasswordRequest request;
    EXPECT_EQ(password_by(request, {}), "");
    EXPECT_EQ(ask_password({}), "");
}

TEST(LoginTest, a_file_is_read_anew_for_each_connection) {
    char path[] = "/tmp/outbox-password-XXXXXX";
    close(mkstemp(path));
    Login login = {.dsn = "", .password_file = path, .password_command = "", .sslmode = ""};
    PasswordRequest request(std::chrono::seconds(300));
    std::ofstream(path) << "one\n";
    EXPECT_EQ(password_by(request, login), "one");
    std::ofstream(path) << "two\n";
    EXPECT_EQ(password_by(request, login), "two");
    EXPECT_EQ(ask_password(login), "two");
    std::filesystem::remove(path);
    EXPECT_THROW(request.start(login), PasswordMissing);
}

TEST(LoginTest, a_command_is_asked_anew_for_each_connection_and_less_often_for_inquiries) {
    char path[] = "/tmp/outbox-count-XXXXXX";
    close(mkstemp(path));
    Login login = {.dsn = "", .password_file = "", .password_command = std::string("echo x >>") + path + "; wc -l <" + path, .sslmode = ""};
    PasswordRequest stream, inquiry(std::chrono::seconds(300));
    EXPECT_EQ(password_by(stream, login), "1");
    EXPECT_EQ(password_by(stream, login), "2");
    EXPECT_EQ(password_by(inquiry, login), "3");
    EXPECT_EQ(password_by(inquiry, login), "3") << "that one is still good";
    std::filesystem::remove(path);
}

TEST(LoginTest, a_failure_does_not_repeat_what_was_printed) {
    EXPECT_EQ(missing_with("echo canary; exit 3"), "the password command ended with exit status 3; run it as the relay's user to see why");
    EXPECT_EQ(missing_with("echo canary; echo canary"),
              "the password command printed more than one line; expected the password and nothing else");
    EXPECT_EQ(missing_with("printf 'can\\000ary'"),
              "the password command printed more than one line; expected the password and nothing else");
}

} // namespace
} // namespace outbox
