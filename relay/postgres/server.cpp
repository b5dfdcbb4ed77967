#include "postgres/server.h"

#include "base/left_behind.h"
#include "base/log.h"

#include <poll.h>

#include <csignal>

#include <future>
#include <thread>

namespace outbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto first_look_after = std::chrono::seconds(2); // then the server is asked what a long statement waits for
constexpr auto look_interval = std::chrono::seconds(5);
constexpr auto cancel_patience = std::chrono::seconds(10);
constexpr auto connect_poll = std::chrono::milliseconds(5);

// The settings of a session. Time-outs come first, since they could end the statements after them. client_connection_check_interval ends a
// statement whose client was killed and so could cancel nothing.
constexpr const char *settings[] = {
    "statement_timeout = 0",
    "lock_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
    "idle_session_timeout = 0",
    "search_path = pg_catalog, pg_temp",
    "client_encoding = 'UTF8'",
    "standard_conforming_strings = on",
    "default_transaction_read_only = off",
    "default_transaction_isolation = 'read committed'",
    "default_transaction_deferrable = off",
    "quote_all_identifiers = off",
};

// The advice for the most frequent faults of a first attempt to connect.
std::string advice_for(std::string_view reason) {
    auto says = [&](std::string_view words) { return reason.find(words) != std::string_view::npos; };
    if (says("Peer authentication failed") || (says("role \"") && says("does not exist")))
        return "; as the server's administrator: sudo -u postgres outbox-relay setup --dsn 'dbname=...'";
    if (says("No such file or directory") && says("socket"))
        return "; name the server in --dsn: host (a name, or the directory of its socket) and port";
    return "";
}

// Connects in a thread. A host name that nobody resolves, or a host that does not answer, holds libpq for longer than a signal should wait.
Connection connect_unless_asked_to_stop(const Login &login, Signals &signals) {
    std::packaged_task<Connection()> task([login] { return connect(login); });
    std::future<Connection> connection = task.get_future();
    std::thread thread(std::move(task));
    try {
        while (connection.wait_for(connect_poll) != std::future_status::ready)
            signals.stop_if_asked();
    } catch (const Interrupted &) {
        threads_left_behind++;
        thread.detach();
        throw;
    }
    thread.join(); // OpenSSL frees its state of a thread at the end of the thread
    try {
        return connection.get();
    } catch (const Failure &failure) {
        throw Failure(failure.code(), failure.what() + advice_for(failure.what()));
    }
}

ExitCode exit_code_of(const std::string &sqlstate) {
    return sqlstate == "42501" ? ExitCode::not_prepared : ExitCode::unexpected; // insufficient_privilege
}

} // namespace

std::string printable(std::string text) {
    for (char &c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7F)
            c = '?';
    return text;
}

Server::Server(Login login, Signals &signals)
    : login_(std::move(login)), signals_(signals), connection_(connect_unless_asked_to_stop(login_, signals)) {
    set_aside_settings();
}

void Server::set_aside_settings() {
    for (const char *setting : settings)
        query(std::string("SET ") + setting);
    if (version() >= 170000)
        query("SET transaction_timeout = 0");
    // session_replication_role is a superuser's to set, and harms a superuser's session alone.
    if (value("SHOW session_replication_role") != "origin" && value("SHOW is_superuser") == "on")
        query("SET session_replication_role = origin");
    try {
        query("SET client_connection_check_interval = '1s'");
    } catch (const QueryRefused &) { // the server's operating system cannot check
    }
}

Result Server::query(const std::string &sql, const Meanwhile &meanwhile) {
    signals_.stop_if_asked();
    if (PQsendQuery(connection_.get(), sql.c_str()) == 0)
        lose();
    Result last;
    while (Result next = answer(meanwhile))
        last = std::move(next);
    ExecStatusType status = PQresultStatus(last.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return last;
    refuse(last.get());
}

void Server::for_each_row(const std::string &sql, const std::function<bool(std::string_view)> &take) {
    signals_.stop_if_asked();
    if (PQsendQuery(connection_.get(), sql.c_str()) == 0 || PQsetSingleRowMode(connection_.get()) == 0)
        lose();
    bool is_cancelled = false;
    Result refused;
    while (Result next = answer({})) {
        ExecStatusType status = PQresultStatus(next.get());
        if (status == PGRES_SINGLE_TUPLE && !is_cancelled) {
            std::string_view text(PQgetvalue(next.get(), 0, 0), static_cast<size_t>(PQgetlength(next.get(), 0, 0)));
            if (!take(text)) {
                cancel();
                is_cancelled = true;
            }
        } else if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
            refused = std::move(next);
        }
    }
    if (refused && !is_cancelled)
        refuse(refused.get());
}

// Throws for a statement that the server has refused. A signal that cancelled the statement comes before every other reason.
void Server::refuse(const PGresult *result) {
    signals_.stop_if_asked();
    if (PQstatus(connection_.get()) == CONNECTION_BAD)
        lose();
    std::string state = sqlstate_of(result);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT), *superuser = PQparameterStatus(connection_.get(), "is_superuser");
    std::string advice = hint == nullptr ? "" : ". " + printable(hint);
    if (state == "42501" && (superuser == nullptr || std::string_view(superuser) != "on"))
        advice = "; " + denied_advice_;
    throw QueryRefused(exit_code_of(state), error_of(result) + advice, state);
}

// The next result of the statement that was sent; null: there is no further result.
Result Server::answer(const Meanwhile &meanwhile) {
    auto look_at = Clock::now() + first_look_after, give_up_at = Clock::time_point::max();
    while (PQisBusy(connection_.get()) != 0) {
        bool cancelled = give_up_at != Clock::time_point::max();
        auto left = std::chrono::ceil<std::chrono::milliseconds>((cancelled ? give_up_at : look_at) - Clock::now());
        pollfd wanted[] = {{PQsocket(connection_.get()), POLLIN, 0}, {cancelled ? -1 : signals_.descriptor(), POLLIN, 0}};
        poll(wanted, 2, static_cast<int>(std::max<int64_t>(0, left.count())));
        if (wanted[0].revents != 0 && PQconsumeInput(connection_.get()) == 0)
            lose();
        if (wanted[1].revents != 0) {
            cancel();
            give_up_at = Clock::now() + cancel_patience;
        }
        if (Clock::now() >= give_up_at)
            signals_.stop_if_asked(); // the server's check of its client's connection ends the statement
        if (!cancelled && Clock::now() >= look_at) {
            look(meanwhile);
            look_at = Clock::now() + look_interval;
        }
    }
    return Result(PQgetResult(connection_.get()));
}

// Calls `meanwhile`. A signal that comes during the call cancels the statement, too.
void Server::look(const Meanwhile &meanwhile) {
    try {
        if (meanwhile)
            meanwhile();
    } catch (const Interrupted &asked) {
        raise(asked.signal());
    }
}

void Server::cancel() {
    std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection_.get()), PQfreeCancel);
    char reason[256] = "";
    if (!cancel || PQcancel(cancel.get(), reason, sizeof(reason)) == 0)
        spdlog::warn("cannot cancel the statement of PID {}: {}", process(), reason);
}

void Server::lose() { throw Failure(ExitCode::unexpected, "the connection to PostgreSQL ended: " + error_of(connection_.get())); }

std::vector<Server::Row> Server::rows(const std::string &sql) {
    Result result = query(sql);
    std::vector<Row> rows(static_cast<size_t>(PQntuples(result.get())));
    for (int row = 0; row < PQntuples(result.get()); row++)
        for (int column = 0; column < PQnfields(result.get()); column++)
            rows[static_cast<size_t>(row)].emplace_back(PQgetvalue(result.get(), row, column));
    return rows;
}

std::string Server::value(const std::string &sql) {
    Result result = query(sql);
    return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0); // libpq gives an empty text for NULL
}

} // namespace outbox
