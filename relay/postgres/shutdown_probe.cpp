#include "postgres/shutdown_probe.h"

#include <cstring>

namespace outbox {

void ShutdownProbe::start() {
    if (password_.is_waiting())
        return;
    connection_.reset();
    try {
        password_.start(login_);
    } catch (const PasswordMissing &) { // the stream's next connection reports the fault
        return;
    }
    if (!password_.is_waiting())
        connect();
}

void ShutdownProbe::cancel() {
    connection_.reset();
    password_.cancel();
}

void ShutdownProbe::connect() {
    // A replication connection: the only kind that the server is known to accept from the relay.
    connection_ = start_connection(login_, password_.password(), {stream_.host()});
    PQsetErrorVerbosity(connection_.get(), PQERRORS_SQLSTATE); // the words of a message depend on the server's language
    polling_ = PGRES_POLLING_WRITING;
}

pollfd ShutdownProbe::wanted() const {
    if (password_.is_waiting())
        return password_.wanted();
    return {PQsocket(connection_.get()), static_cast<short>(polling_ == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
}

ShutdownProbe::Answer ShutdownProbe::advance() {
    if (password_.is_waiting()) {
        try {
            if (password_.advance())
                connect();
        } catch (const PasswordMissing &) {
            return Answer::running;
        }
        return Answer::none;
    }
    if (PQstatus(connection_.get()) != CONNECTION_BAD)
        polling_ = PQconnectPoll(connection_.get());
    else
        polling_ = PGRES_POLLING_FAILED;
    if (polling_ == PGRES_POLLING_READING || polling_ == PGRES_POLLING_WRITING)
        return Answer::none;
    bool refused = polling_ == PGRES_POLLING_FAILED && strstr(PQerrorMessage(connection_.get()), "57P03") != nullptr;
    connection_.reset();
    return refused ? Answer::shutting_down : Answer::running;
}

} // namespace outbox
