// A connection that runs SQL, for setup and its like. A statement can take as long as the oldest transaction of the server; a signal
// cancels the statement, so that nothing goes on at the server without its client. Settings that a role or a database has for its sessions
// do not hold for these connections, and no name is looked up outside pg_catalog: otherwise the owner of the database could put an operator
// of his own in the place of "=", for a superuser to run. For the same reason every operator in this folder's SQL is written
// OPERATOR(pg_catalog.=). Tested by test/t/073_setup_waits.t and test/t/074_setup_security.t.
#pragma once

#include "base/signals.h"
#include "postgres/connection.h"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// A text of others, such as a role's name, for a line of output: control characters become "?".
std::string printable(std::string text);

// The server has refused a statement. The SQLSTATE tells why.
class QueryRefused : public Failure {
public:
    QueryRefused(ExitCode code, const std::string &message, std::string sqlstate)
        : Failure(code, message), sqlstate_(std::move(sqlstate)) {}
    const std::string &sqlstate() const { return sqlstate_; }

private:
    std::string sqlstate_;
};

class Server {
public:
    using Row = std::vector<std::string>; // NULL is an empty text

    // Connects and sets up the session. Throws Failure, Interrupted.
    Server(Login login, Signals &signals);

    // Runs a statement. `meanwhile` is called every few seconds while the statement runs. Throws QueryRefused; Failure where the connection
    // ends; Interrupted once the statement is cancelled. A statement that is done before the cancel request reaches it counts as done.
    using Meanwhile = std::function<void()>;
    Result query(const std::string &sql, const Meanwhile &meanwhile = {});

    std::vector<Row> rows(const std::string &sql);

    // Passes on the first column of each row as the row arrives, so that no more than one row is in memory. Where `take` returns false, the
    // statement is cancelled. Throws as query() does.
    void for_each_row(const std::string &sql, const std::function<bool(std::string_view)> &take);

    std::string value(const std::string &sql); // the first column of the first row; empty where there is none
    bool is_true(const std::string &sql) { return value(sql) == "t"; }

    // The advice that an error carries where the role lacks the privilege for a statement.
    void advise_when_denied(std::string advice) { denied_advice_ = std::move(advice); }

    int version() const { return PQserverVersion(connection_.get()); }
    int process() const { return PQbackendPID(connection_.get()); } // the server's process of this session
    const Login &login() const { return login_; }
    Signals &signals() const { return signals_; }

private:
    void set_aside_settings();
    Result answer(const Meanwhile &meanwhile);
    void look(const Meanwhile &meanwhile);
    void cancel();
    [[noreturn]] void refuse(const PGresult *result);
    [[noreturn]] void lose();

    Login login_;
    std::string denied_advice_ = "run setup as a superuser, or give the output of setup --dry-run to one";
    Signals &signals_;
    Connection connection_;
};

} // namespace outbox
