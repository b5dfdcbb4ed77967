// Is the server shutting down? A fast shutdown waits for the relay to confirm everything, which it cannot while Kafka takes nothing; and
// the server says nothing about it in the stream. It does say so to whoever connects: SQLSTATE 57P03. Never blocks. Tested by test/t/.
#pragma once

#include "core/inquiry.h"
#include "postgres/stream.h"

namespace outbox {

class ShutdownProbe : public ShutdownInquiry {
public:
    // The stream outlives it.
    ShutdownProbe(Login login, const Stream &stream) : login_(std::move(login)), stream_(stream) {}

    // Asks where the stream comes from: nothing is looked up, and no other host answers for this one.
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
