// How to log in to PostgreSQL: the connection string, and where the password is that does not stand in it. Both are asked anew for each
// connection, because such passwords expire. Tested by test/unit/login_test.cpp and test/t/111_secrets.t.
#pragma once

#include "base/shell_command.h"

#include <stdexcept>
#include <string>

namespace outbox {

struct Login {
    std::string dsn;              // a libpq connection string or URI, or empty: libpq's own variables
    std::string password_file;    // at most one of the two; neither: libpq's own ways
    std::string password_command; // prints the password
    std::string sslmode;          // where nobody has named one and a host is not local; empty: libpq's own default
};

// No password: the file cannot be read, or the command failed. The sentence does not repeat what it printed.
class PasswordMissing : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// How long what a command printed serves the inquiries, which connect every few seconds while Kafka is away: less than the quarter of an
// hour that such passwords are good for.
constexpr std::chrono::seconds password_reused_for{300};

// The password for one connection after another; the caller polls. Empty: libpq finds it itself.
class PasswordRequest {
public:
    // `reuse_for`: what a command has printed may serve for so long, for connections that come often.
    explicit PasswordRequest(std::chrono::seconds reuse_for = std::chrono::seconds(0)) : reuse_for_(reuse_for) {}

    // Reads the file, or starts the command. Throws PasswordMissing.
    void start(const Login &login);
    void cancel() { command_.cancel(); }
    bool is_waiting() const { return command_.is_running(); }
    pollfd wanted() const { return command_.wanted(); }
    ShellCommand::Clock::time_point due_at() const { return command_.due_at(); }

    // One step. True: the password is there. Throws PasswordMissing.
    bool advance();
    const std::string &password() const { return password_; }

private:
    std::chrono::seconds reuse_for_;
    ShellCommand command_;
    std::string password_;
    ShellCommand::Clock::time_point asked_at_{}; // when the command that printed it was started
};

// Waits for it. Throws PasswordMissing.
std::string ask_password(const Login &login);

} // namespace outbox
