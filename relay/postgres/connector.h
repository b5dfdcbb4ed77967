// From a login to a connection, in steps that do not wait: the connector asks for the password, threads look up the names, and libpq tries
// the hosts, each within its time. A host that the relay could not use has its next turn after the others. The caller polls. Tested by
// test/t/068_names.t.
#pragma once

#include "base/log.h"
#include "base/name_lookup.h"
#include "core/clock.h"
#include "postgres/connection.h"
#include "postgres/conninfo.h"

namespace outbox {

class Connector {
public:
    // `patience`: the time for each host, and for the look-ups.
    Connector(Login login, std::chrono::milliseconds patience, Purpose purpose = Purpose::replication)
        : login_(std::move(login)),
          patience_(patience),
          purpose_(purpose),
          password_(purpose == Purpose::replication ? std::chrono::seconds(0) : password_reused_for) {}

    void on_notice(NoticeListener listener) { on_notice_ = std::move(listener); }

    void start() { start(hosts_of(login_.dsn)); }
    void start(std::vector<Host> hosts); // these hosts, instead of those of the connection string
    void stop();
    bool is_running() const { return is_running_; }
    pollfd wanted() const;
    Clock::time_point deadline() const { return password_.is_waiting() ? password_.due_at() : deadline_; }

    // One step. Null: there is no connection yet. Throws StreamLost.
    Connection advance();

    // Says whether the last connection was of use, which decides the next order of the hosts.
    void host_failed() { turns_.failed(tried_); }
    void host_succeeded() { turns_.succeeded(); }

private:
    bool is_looking_up() const { return connection_ == nullptr; }
    void begin_look_up();
    void look_up();
    [[noreturn]] void fail(const std::string &reason);

    Login login_;
    std::chrono::milliseconds patience_;
    Purpose purpose_;
    PasswordRequest password_;
    NameLookup names_;
    HostTurns turns_;
    bool is_running_ = false;
    std::vector<Host> hosts_; // of the connection string; empty: libpq finds a host itself
    Clock::time_point started_at_, deadline_;
    Connection connection_;
    PostgresPollingStatusType polling_ = PGRES_POLLING_WRITING;
    Host tried_; // the host that was tried last
    Condition password_file_;
    NoticeListener on_notice_;
};

} // namespace outbox
