#include "postgres/login.h"

#include "base/secret_file.h"

#include <system_error>

namespace outbox {
namespace {

std::string password_of(const ShellCommand::Output &output) {
    if (!output.failure.empty())
        throw PasswordMissing("the password command " + output.failure + "; run it as the relay's user to see why");
    if (output.text.find_first_of(std::string("\n\r\0", 3)) != std::string::npos)
        throw PasswordMissing("the password command printed more than one line; expected the password and nothing else");
    return output.text;
}

} // namespace

void PasswordRequest::start(const Login &login) {
    try {
        if (!login.password_file.empty())
            password_ = read_secret_file(login.password_file);
    } catch (const std::invalid_argument &error) {
        throw PasswordMissing(std::string("the password file: ") + error.what());
    }
    auto now = ShellCommand::Clock::now();
    bool is_fresh = !password_.empty() && now - asked_at_ < reuse_for_;
    if (login.password_command.empty() || is_fresh || is_waiting())
        return;
    password_.clear();
    asked_at_ = now;
    try {
        command_.start(login.password_command);
    } catch (const std::system_error &error) {
        throw PasswordMissing(std::string("the password command cannot be started: ") + error.what());
    }
}

bool PasswordRequest::advance() {
    if (!is_waiting())
        return true;
    std::optional<ShellCommand::Output> output = command_.advance();
    if (output)
        password_ = password_of(*output);
    return output.has_value();
}

std::string ask_password(const Login &login) {
    if (!login.password_command.empty())
        return password_of(ShellCommand().run(login.password_command));
    PasswordRequest request;
    request.start(login);
    return request.password();
}

} // namespace outbox
