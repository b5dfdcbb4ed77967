// A connection that asks PostgreSQL in SQL, for setup. A statement can take as long as the oldest transaction of the server: a signal
// cancels it, so that nothing of the statement goes on without its client. What a role or a database sets for its sessions holds for none
// of these connections, and no name is looked up outside pg_catalog: whoever owns the database could otherwise put an operator of his own
// in the place of
// "=", for a superuser to run. For the same reason every operator in this folder's SQL is written OPERATOR(pg_catalog.=).
// Tested by test/t/073_setup_waits.t and test/t/074_setup_security.t.
#pragma once

#include "base/signals.h"
#include "postgres/connection.h"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// A text of somebody else's, such as a role's name, for a line of ours: control characters become "?".
std::string printable(std::string text);

// The server refuses a statement. Its SQLSTATE tells why.
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

    // Connects and sets the session up. Throws Failure, Interrupted.
    Server(Login login, Signals &signals);

    // `meanwhile` is called every few seconds for as long as the statement runs. Throws QueryRefused, Failure where the connection ends,
    // and Interrupted once the statement is cancelled. A statement that is done before the cancel reaches it counts as done.
    using Meanwhile = std::function<void()>;
    Result query(const std::string &sql, const Meanwhile &meanwhile = {});

    std::vector<Row> rows(const std::string &sql);

    // The first column of each row as it comes, so that no more than one is in memory. Where `take` returns false, the statement is
    // cancelled. Throws as query().
    void for_each_row(const std::string &sql, const std::function<bool(std::string_view)> &take);

    std::string value(const std::string &sql); // the first column of the first row; empty where there is none
    bool is_true(const std::string &sql) { return value(sql) == "t"; }

    // What an error says to a role that may not do what a statement does.
    void advise_when_denied(std::string advice) { denied_advice_ = std::move(advice); }

    int version() const { return PQserverVersion(connection_.get()); }
    int process() const { return PQbackendPID(connection_.get()); } // the server's, of this session
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
