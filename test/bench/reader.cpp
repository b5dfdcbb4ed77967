// bench-reader: reads a slot's stream and discards it, as fast as the server sends it, which is the limit for reading. Works with any
// output plugin. The loop is the relay's without parsing and without a sink: it reads everything that has arrived, then pauses.
//
//   bench-reader CONNINFO SLOT TARGET_LSN PAUSE_US [OPTION=VALUE]...
//
// Confirms the target when everything up to the target has come, then prints {"messages", "bytes", "polls"} and keeps the connection
// until SIGTERM, so that the walsender can still be measured. PAUSE_US 0 polls again at once.
#include "relay/core/rhythm.h"
#include "relay/core/wire.h"

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace outbox;

constexpr int quiet_ms = 1000;

struct Reader {
    PGconn *connection;
    Lsn target;
    std::chrono::microseconds pause;
    Rhythm rhythm{}; // as in the relay, for CopyData messages instead of transactions
    bool is_done = false;
    uint64_t messages = 0, bytes = 0, polls = 0;

    [[noreturn]] void fail() { throw std::runtime_error(PQerrorMessage(connection)); }

    bool input_is_waiting(int timeout_ms) {
        polls++;
        pollfd descriptor = {PQsocket(connection), POLLIN, 0};
        return poll(&descriptor, 1, timeout_ms) == 1;
    }

    void confirm(Lsn lsn) {
        const StatusUpdate update = make_status_update(lsn, 0);
        if (PQputCopyData(connection, update.data(), static_cast<int>(update.size())) != 1 || PQflush(connection) < 0)
            fail();
    }

    void take(std::string_view message) {
        if (message[0] == 'w') {
            messages++;
            bytes += message.size() - xlog_data_header_bytes;
            return;
        }
        const auto keepalive = parse_keepalive(message);
        if (!keepalive)
            throw std::runtime_error("unknown message in the replication stream");
        const bool has_all = keepalive->wal_end >= target;
        if (has_all && !is_done) {
            std::printf("{\"messages\":%lu,\"bytes\":%lu,\"polls\":%lu}\n", messages, bytes, polls);
            std::fflush(stdout);
        }
        if (has_all && (!is_done || keepalive->reply_requested))
            confirm(keepalive->wal_end);
        else if (keepalive->reply_requested)
            confirm(Lsn{});
        is_done = is_done || has_all;
    }

    size_t drain() {
        size_t taken = 0;
        while (true) {
            char *buffer = nullptr;
            const int size = PQgetCopyData(connection, &buffer, 1);
            if (size < 0)
                fail();
            if (size > 0) {
                take({buffer, static_cast<size_t>(size)});
                PQfreemem(buffer);
                taken++;
            } else if (!input_is_waiting(0)) {
                return taken;
            } else if (PQconsumeInput(connection) == 0) {
                fail();
            }
        }
    }

    void run() {
        while (true) {
            const uint64_t bytes_before = bytes;
            const size_t taken = drain();
            rhythm.note(taken, bytes - bytes_before, std::chrono::steady_clock::now());
            if (rhythm.is_busy() && pause.count() > 0)
                std::this_thread::sleep_for(pause);
            else
                input_is_waiting(quiet_ms);
        }
    }
};

std::string start_command(const char *slot, int count, char **options) {
    std::string command = std::string("START_REPLICATION SLOT \"") + slot + "\" LOGICAL 0/0", separator = " (";
    for (int i = 0; i < count; i++) {
        const char *equals = std::strchr(options[i], '=');
        if (equals == nullptr)
            throw std::runtime_error("expected OPTION=VALUE");
        command += separator + '"' + std::string(options[i], static_cast<size_t>(equals - options[i])) + "\" '" + (equals + 1) + "'";
        separator = ", ";
    }
    return command + (count > 0 ? ")" : "");
}

} // namespace

int main(int argc, char **argv) {
    try {
        if (argc < 5)
            throw std::runtime_error("usage: bench-reader CONNINFO SLOT TARGET_LSN PAUSE_US [OPTION=VALUE]...");
        PGconn *connection = PQconnectdb((std::string(argv[1]) + " replication=database").c_str());
        Reader reader{connection, parse_lsn(argv[3]).value(), std::chrono::microseconds(std::atoi(argv[4]))};
        if (PQstatus(connection) != CONNECTION_OK)
            reader.fail();
        PGresult *result = PQexec(connection, start_command(argv[2], argc - 5, argv + 5).c_str());
        if (PQresultStatus(result) != PGRES_COPY_BOTH)
            reader.fail();
        PQclear(result);
        reader.run();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-reader: %s\n", error.what());
        return 1;
    }
}
