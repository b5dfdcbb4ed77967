// Asks whether the server shuts down. A fast shutdown waits until the relay has confirmed everything, which the relay cannot do while Kafka
// takes nothing; and the server says nothing of the shutdown in the stream. The server does tell a new connection, by SQLSTATE 57P03. Never
// blocks. Tested by test/t/006_fast_shutdown.t.
#pragma once

#include "core/inquiry.h"
#include "postgres/stream.h"

namespace outbox {

class ShutdownProbe : public ShutdownInquiry {
public:
    // The stream outlives the probe.
    ShutdownProbe(Login login, const Stream &stream) : login_(std::move(login)), stream_(stream) {}

    // Connects to the stream's host: no name is looked up, and no other host answers for this one.
    void start() override;
    void cancel() override;
    bool is_running() const override { return connection_ != nullptr || password_.is_waiting(); }
    pollfd wanted() const override;
    Answer advance() override;

private:
    void connect();

    Login login_;
    const Stream &stream_;
    PasswordRequest password_{password_reused_for};
    Connection connection_;
    PostgresPollingStatusType polling_ = PGRES_POLLING_WRITING;
};

} // namespace outbox
