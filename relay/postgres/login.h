// The login to PostgreSQL: the connection string, and the place of a password that does not stand in the string. The relay reads the
// password again for each connection, because such passwords expire. Tested by test/unit/login_test.cpp and test/t/111_secrets.t.
#pragma once

#include "base/shell_command.h"

#include <stdexcept>
#include <string>

namespace outbox {

struct Login {
    std::string dsn;              // a libpq connection string or URI; empty: libpq's own variables
    std::string password_file;    // at most one of password_file and password_command is set; neither: libpq finds a password itself
    std::string password_command; // prints the password
    std::string sslmode;          // in force where nobody has named an sslmode and a host is not local; empty: libpq's default
};

// There is no password: the file cannot be read, or the command failed. The text does not repeat the command's output.
class PasswordMissing : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// For so long a command's password serves the inquiries, which connect every few seconds while Kafka is away: less than the quarter of an
// hour for which such passwords are valid.
constexpr std::chrono::seconds password_reused_for{300};

// The password for one connection after the other; the caller polls. An empty password: libpq finds one itself.
class PasswordRequest {
public:
    // `reuse_for`: a command's password serves for so long, where connections come often.
    explicit PasswordRequest(std::chrono::seconds reuse_for = std::chrono::seconds(0)) : reuse_for_(reuse_for) {}

    // Reads the file, or starts the command. Throws PasswordMissing.
    void start(const Login &login);
    void cancel() { command_.cancel(); }
    bool is_waiting() const { return command_.is_running(); }
    pollfd wanted() const { return command_.wanted(); }
    ShellCommand::Clock::time_point due_at() const { return command_.due_at(); }

    // One step. True: password() has the password. Throws PasswordMissing.
    bool advance();
    const std::string &password() const { return password_; }

private:
    std::chrono::seconds reuse_for_;
    ShellCommand command_;
    std::string password_;
    ShellCommand::Clock::time_point asked_at_{}; // when the relay started the command that printed the password
};

// Waits for the password. Throws PasswordMissing.
std::string ask_password(const Login &login);

} // namespace outbox
