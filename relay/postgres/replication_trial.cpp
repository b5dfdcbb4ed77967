#include "postgres/replication_trial.h"

#include "postgres/connection.h"

#include <poll.h>

#include <chrono>

namespace outbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds(10);
constexpr auto look_interval = std::chrono::milliseconds(20);

// Waits for one step of a connection attempt. False: the time is over.
bool is_ready(PGconn *connection, PostgresPollingStatusType wanted, Clock::time_point until, Signals &signals) {
    while (Clock::now() < until) {
        pollfd sockets[] = {{PQsocket(connection), static_cast<short>(wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0},
                            {signals.descriptor(), POLLIN, 0}};
        poll(sockets, 2, 200);
        signals.stop_if_asked();
        if (sockets[0].revents != 0)
            return true;
    }
    return false;
}

} // namespace

std::string try_replication(const Login &login, Signals &signals) { return ask_for_replication(login, signals, "IDENTIFY_SYSTEM"); }

std::string ask_for_replication(const Login &login, Signals &signals, const std::string &command) {
    auto until = Clock::now() + patience;
    PasswordRequest password;
    try {
        for (password.start(login); !password.advance(); signals.pause(look_interval))
            if (Clock::now() >= until)
                return "no password within 10 s";
    } catch (const PasswordMissing &missing) {
        return missing.what();
    }
    Connection connection = start_connection(login, password.password(), {});
    auto state = PQstatus(connection.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_WRITING || state == PGRES_POLLING_READING) {
        if (!is_ready(connection.get(), state, until, signals))
            return "no answer within 10 s";
        state = PQconnectPoll(connection.get());
    }
    if (state == PGRES_POLLING_FAILED)
        return connect_error_of(connection.get(), login);
    Result result(PQexec(connection.get(), command.c_str()));
    ExecStatusType status = PQresultStatus(result.get());
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ? "" : error_of(result.get());
}

} // namespace outbox
