// Is the server shutting down? A fast shutdown waits for the relay to confirm everything, which it cannot while Kafka takes nothing; and
// the server says nothing about it in the stream. It does say so to whoever connects: SQLSTATE 57P03. Never blocks. Tested by test/t/.
#pragma once

#include "core/sink.h"
#include "postgres/connection.h"

namespace outbox {

class ShutdownProbe {
public:
    enum class Answer { none, running, shutting_down };

    // Asks where the stream comes from: nothing is looked up, and no other host answers for this one.
    void start(const std::string &dsn, const Host &host);
    void cancel() { connection_.reset(); }
    bool is_running() const { return connection_ != nullptr; }
    pollfd wanted() const;
    Answer advance(); // `none`: not yet

private:
    Connection connection_;
    PostgresPollingStatusType polling_ = PGRES_POLLING_WRITING;
};

} // namespace outbox
