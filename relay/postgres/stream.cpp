#include "postgres/stream.h"

#include "base/log.h"

#include <algorithm>
#include <cstring>

namespace outbox {
namespace {

constexpr auto takeover_patience = std::chrono::seconds(2); // for the process that was told to end
constexpr const char *batch_bytes = "65536"; // see the plugin's option; also what one chunk holds at most, but for long lines

// The plugin's option gather: with "ahead" the relay says that it knows of {"ahead":…}. The plugin of 1.0 refuses this word, gathers for
// "on" and leaves it to its reader to know.
constexpr const char *gather = "ahead", *gather_of_1_0 = "on";

int64_t postgres_clock_us() {
    using namespace std::chrono;
    constexpr int64_t from_1970_to_2000_s = 946684800;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count() - from_1970_to_2000_s * 1000000;
}

int64_t clock_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// Where it can be told from the catalog what is wrong, it is told here, in words that START_REPLICATION does not have.
constexpr const char *check_sql =
    "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_database(), s.slot_name, s.plugin, s.database,"
    " s.wal_status, (SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'wal_sender_timeout'),"
    " s.confirmed_flush_lsn, s.active_pid,"
    " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn() END,"
    " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.left("
    "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), 8) END,"
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())";
constexpr const char *from_sql =
    " FROM (VALUES (1)) AS one LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name OPERATOR(pg_catalog.=) ";
enum CheckColumn {
    IN_RECOVERY,
    THIS_DATABASE,
    SLOT_NAME,
    PLUGIN,
    SLOT_DATABASE,
    WAL_STATUS,
    SENDER_TIMEOUT,
    CONFIRMED,
    HOLDER,
    WAL_END,
    WRITE_TIMELINE,
    SERVER_CLOCK
};
enum IdentifyColumn { SYSTEM_IDENTIFIER, TIMELINE };

} // namespace

// ---- towards streaming ----------------------------------------------------------------------------------------------

void Stream::open() {
    phase_ = Phase::connecting;
    unsent_ = ended_ = false;
    connector_.start();
}

void Stream::close() {
    connector_.stop();
    connection_.reset();
}

void Stream::fail() {
    std::string reason = error_of(connection_.get());
    throw StreamLost(reason.empty() ? "the connection ended" : reason);
}

pollfd Stream::wanted() const {
    if (connector_.is_running())
        return connector_.wanted();
    return {is_open() ? PQsocket(connection_.get()) : -1, static_cast<short>(unsent_ ? POLLIN | POLLOUT : POLLIN), 0};
}

Clock::time_point Stream::deadline() const {
    if (is_streaming())
        return Clock::time_point::max();
    return connector_.is_running() ? connector_.deadline() : deadline_;
}

void Stream::advance() {
    if (phase_ == Phase::streaming)
        return flush();
    if (connector_.is_running()) {
        connection_ = connector_.advance();
        if (connection_)
            greet();
        return;
    }
    try {
        converse();
    } catch (const StreamLost &lost) {
        if (!lost.slot_in_use())
            connector_.host_failed();
        throw;
    }
}

// Asks what it has to know of the server and the slot, one question after the other.
void Stream::converse() {
    if (Clock::now() >= deadline_)
        throw StreamLost("PostgreSQL does not answer");
    flush();
    if (PQconsumeInput(connection_.get()) == 0)
        fail();
    while (phase_ != Phase::streaming && PQisBusy(connection_.get()) == 0) {
        Result result(PQgetResult(connection_.get()));
        if (result)
            take(result.get());
        else
            next_phase(); // the answer is complete
    }
}

void Stream::greet() {
    if (PQsetnonblocking(connection_.get(), 1) != 0)
        fail();
    plugin_is_1_0_ = false;
    deadline_ = Clock::now() + options_.answer_timeout;
    source_ = {};
    source_.slot = options_.slot;
    source_.topics = options_.topics;
    // The owner of the database may have set one with operators and functions of his own in front.
    ask(Phase::pinning, "SET search_path = pg_catalog, pg_temp");
}

void Stream::give_up() {
    given_up_ = PQbackendPID(connection_.get());
    connector_.host_failed();
}

void Stream::ask(Phase phase, const std::string &command) {
    require_sent(PQsendQuery(connection_.get(), command.c_str()));
    phase_ = phase;
}

void Stream::take(const PGresult *result) {
    switch (phase_) {
    case Phase::pinning:
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            throw StreamLost(error_of(result));
        return;
    case Phase::identifying: return identify(result);
    case Phase::learning: // a server that has lost the file goes on without
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 && PQnfields(result) == 2)
            source_.history = parse_timeline_history(PQgetvalue(result, 0, 1));
        return;
    case Phase::checking: return check_slot(result);
    default: return started(result);
    }
}

void Stream::next_phase() {
    switch (phase_) {
    case Phase::pinning: return ask(Phase::identifying, "IDENTIFY_SYSTEM");
    case Phase::identifying:
        if (source_.timeline > 1)
            return ask(Phase::learning, "TIMELINE_HISTORY " + std::to_string(source_.timeline));
        [[fallthrough]];
    case Phase::learning: return ask(Phase::checking, check_command());
    case Phase::checking: return ask(Phase::starting, start_command());
    case Phase::starting: return ask(Phase::checking, check_command()); // taking over, or an older plugin
    default: fail();
    }
}

void Stream::identify(const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 || PQnfields(result) < 2)
        throw StreamLost(error_of(result));
    source_.system_identifier = PQgetvalue(result, 0, SYSTEM_IDENTIFIER);
    source_.timeline = static_cast<uint32_t>(strtoul(PQgetvalue(result, 0, TIMELINE), nullptr, 10));
}

// Whoever has the slot is sent away in the same statement that looks at it: a role may end its own sessions, others need pg_signal_backend.
// Nobody is sent away from a slot that is not a relay's, which a mistyped --slot may name. The same process is told until it has gone: the
// first time it says goodbye to its client, and waits for ever where that one is frozen and its socket full; then it just goes.
std::string Stream::check_command() const {
    constexpr const char *end_holder = ", CASE WHEN s.plugin OPERATOR(pg_catalog.=) 'outbox'"
                                       " AND s.database OPERATOR(pg_catalog.=) pg_catalog.current_database()"
                                       " AND s.active_pid {} THEN pg_catalog.pg_terminate_backend(s.active_pid) END";
    constexpr const char *let_it_go = ", pg_catalog.pg_sleep(0.005)";
    std::string command = check_sql;
    if (options_.takeover)
        command += fmt::format(end_holder, "IS NOT NULL");
    else if (is_taking_over())
        command += fmt::format(end_holder, "OPERATOR(pg_catalog.=) " + std::to_string(told_to_end_)) + let_it_go;
    else if (given_up_ != 0)
        command += fmt::format(end_holder, "OPERATOR(pg_catalog.=) " + std::to_string(given_up_));
    return command + from_sql + quote_literal(options_.slot);
}

std::string Stream::start_command() const {
    std::string command = "START_REPLICATION SLOT \"" + options_.slot + "\" LOGICAL 0/0 (version '1', gather " +
                          quote_literal(plugin_is_1_0_ ? gather_of_1_0 : gather) + ", batch_bytes " + quote_literal(batch_bytes);
    if (!options_.topics.empty())
        command += ", topics " + quote_literal(options_.topics);
    return command + ")";
}

void Stream::check_slot(const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        options_.takeover = false; // not allowed, perhaps: then it waits like any other
        given_up_ = 0;
        throw StreamLost(error_of(result));
    }
    auto column = [&](CheckColumn number) { return std::string(PQgetvalue(result, 0, number)); };
    if (column(IN_RECOVERY) == "f" && strtoul(column(WRITE_TIMELINE).c_str(), nullptr, 16) != source_.timeline)
        throw StreamLost("the server is being promoted");
    if (column(IN_RECOVERY) == "t")
        throw StreamLost("the server is a standby; waiting for a primary");
    if (column(SLOT_NAME).empty())
        throw Failure(ExitCode::slot_unusable, "replication slot \"" + options_.slot +
                                                   "\" does not exist. If it existed before, events are lost: what was emitted "
                                                   "since then is not in a new slot. Create it with: outbox-relay setup --slot " +
                                                   options_.slot);
    if (column(PLUGIN) != "outbox")
        throw Failure(ExitCode::plugin_refused, "replication slot \"" + options_.slot + "\" belongs to the output plugin \"" +
                                                    column(PLUGIN) + "\", not to \"outbox\". Name another slot with --slot.");
    if (column(SLOT_DATABASE) != column(THIS_DATABASE))
        throw Failure(ExitCode::slot_unusable, "replication slot \"" + options_.slot + "\" belongs to database \"" + column(SLOT_DATABASE) +
                                                   "\", not to \"" + column(THIS_DATABASE) + "\". Connect to that database.");
    if (column(WAL_STATUS) == "lost")
        throw Failure(ExitCode::slot_unusable,
                      "replication slot \"" + options_.slot +
                          "\" has been invalidated: its WAL is gone, and with it "
                          "the events it had not delivered. To go on with new events: SELECT pg_drop_replication_slot('" +
                          options_.slot + "'), then: outbox-relay setup --slot " + options_.slot);
    sender_timeout_ = std::chrono::milliseconds(std::max(0, atoi(column(SENDER_TIMEOUT).c_str())));
    source_.database = column(THIS_DATABASE);
    source_.confirmed = parse_lsn(column(CONFIRMED)).value_or(Lsn{});
    source_.wal_end = parse_lsn(column(WAL_END)).value_or(Lsn{});
    source_.was_held = !column(HOLDER).empty();
    source_.clock_ahead_ms = static_cast<int64_t>(strtod(column(SERVER_CLOCK).c_str(), nullptr) * 1000) - clock_ms();
    if (options_.takeover && source_.was_held) {
        taking_over_until_ = Clock::now() + takeover_patience;
        told_to_end_ = atoi(column(HOLDER).c_str());
    }
    options_.takeover = false; // two that take the slot from each other would never deliver
}

void Stream::started(const PGresult *result) {
    if (PQresultStatus(result) == PGRES_COPY_BOTH) {
        phase_ = Phase::streaming;
        taking_over_until_ = {};
        given_up_ = 0;
        heard_ = false;
        connector_.host_succeeded();
        return;
    }
    std::string state = sqlstate_of(result), reason = error_of(result);
    if (state == StreamLost::slot_in_use_code && is_taking_over())
        return;                                // at once again: those who wait as well ask more seldom
    if (state == StreamLost::slot_in_use_code) // the server's message has the process
        throw StreamLost(reason, state);
    if (state == "42704")
        throw Failure(ExitCode::slot_unusable, reason + ". Create it with: outbox-relay setup --slot " + options_.slot);
    if (state == "55000")
        throw Failure(ExitCode::slot_unusable, reason + ". The slot cannot be read any more; see docs/operating.md on lost slots.");
    if (state == "42501")
        throw Failure(ExitCode::plugin_refused, reason +
                                                    ". Allow the plugin with: outbox-relay setup, or: ALTER SYSTEM SET "
                                                    "output_plugin_libraries = pgoutput, test_decoding, outbox; SELECT pg_reload_conf()");
    if (state == "58P01")
        throw Failure(ExitCode::plugin_refused, reason + ". Install the extension's files on this server: make install");
    if (state == "22023" && !plugin_is_1_0_) {
        plugin_is_1_0_ = true;
        return; // asked again at once
    }
    if (state == "22023")
        throw Failure(ExitCode::plugin_refused, reason + ". The extension on the server and this relay are of different versions.");
    throw StreamLost(reason, state);
}

// ---- streaming ------------------------------------------------------------------------------------------------------

// libpq may hold whole messages while the socket is silent, and one PQconsumeInput takes no more than its buffer: go on until both are
// empty.
Stream::Message Stream::receive() {
    for (bool consumed = true; consumed;) {
        char *buffer = nullptr;
        int size = PQgetCopyData(connection_.get(), &buffer, 1);
        if (size > 0) {
            Memory memory(buffer);
            std::string_view message(buffer, static_cast<size_t>(size));
            if (message[0] == 'w' && message.size() >= xlog_data_header_bytes)
                return CopyData{std::move(memory), message.substr(xlog_data_header_bytes)};
            if (std::optional<Keepalive> keepalive = parse_keepalive(message))
                return *keepalive;
            throw StreamLost("unknown message in the replication stream");
        }
        if (size < 0) {
            if (ended_ || size == -2)
                fail();
            ended_ = true; // the server has read all that we sent before
            if (PQisBusy(connection_.get()) != 0)
                return std::monostate(); // it may still send the rest of a long transaction
            Result result(PQgetResult(connection_.get()));
            if (result && PQresultStatus(result.get()) == PGRES_FATAL_ERROR)
                throw StreamLost(error_of(result.get()), sqlstate_of(result.get()));
            return std::monostate();
        }
        consumed = input_is_waiting();
        if (consumed && PQconsumeInput(connection_.get()) == 0)
            fail();
        heard_ |= consumed;
    }
    return std::monostate();
}

bool Stream::input_is_waiting() const {
    pollfd descriptor = {PQsocket(connection_.get()), POLLIN, 0};
    return poll(&descriptor, 1, 0) == 1;
}

void Stream::confirm(Lsn confirmed, bool requests_reply) {
    StatusUpdate update = make_status_update(confirmed, postgres_clock_us(), requests_reply);
    require_sent(PQputCopyData(connection_.get(), update.data(), static_cast<int>(update.size())));
    flush();
}

void Stream::end() {
    require_sent(PQputCopyEnd(connection_.get(), nullptr));
    flush();
}

void Stream::require_sent(int sent) {
    if (sent != 1)
        fail();
    unsent_ = true;
}

void Stream::flush() {
    int left = PQflush(connection_.get());
    if (left < 0)
        fail();
    unsent_ = left == 1;
}

} // namespace outbox
