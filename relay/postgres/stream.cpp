#include "postgres/stream.h"

#include "core/pgoutput_dialect.h"
#include "core/plugin_dialect.h"
#include "postgres/stream_check.h"

namespace outbox {
namespace {

constexpr auto takeover_patience = std::chrono::seconds(2); // for the walsender that was told to end
// Where the server cannot convert a text to the client's encoding, decoding would fail at that text for ever. For a client of SQL_ASCII the
// server converts nothing.
constexpr const char *no_conversion = "SET client_encoding = 'SQL_ASCII'";

int64_t postgres_clock_us() {
    using namespace std::chrono;
    constexpr int64_t from_1970_to_2000_s = 946684800;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count() - from_1970_to_2000_s * 1000000;
}

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
    throw StreamLost(reason.empty() ? "the connection to PostgreSQL ended" : reason);
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

// Asks for the facts about the server and the slot, one question after the other.
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
    deadline_ = Clock::now() + options_.answer_timeout;
    source_ = {};
    dialect_.reset();
    source_.slot = options_.slot;
    source_.topics = options_.topics;
    // The owner of the database may have set a search_path with operators and functions of his own in front.
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
    case Phase::unconverting:
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            throw StreamLost(error_of(result));
        return;
    case Phase::identifying: return identify(result);
    case Phase::learning: // a server that has lost the history file goes on without
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
    case Phase::checking:
        if (dialect_->has_converted_texts())
            return ask(Phase::unconverting, no_conversion);
        [[fallthrough]];
    case Phase::unconverting: return ask(Phase::starting, start_command());
    case Phase::starting: return ask(Phase::checking, check_command()); // checks again, while taking over or where the plugin is older
    default: fail();
    }
}

void Stream::identify(const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 || PQnfields(result) < 2)
        throw StreamLost(error_of(result));
    source_.system_identifier = PQgetvalue(result, 0, SYSTEM_IDENTIFIER);
    source_.timeline = static_cast<uint32_t>(strtoul(PQgetvalue(result, 0, TIMELINE), nullptr, 10));
}

// The statement that looks at the slot. A walsender that was told to end is told again until it has gone: at the first SIGTERM the
// walsender sends a last message to its client, and waits for ever where that client is frozen and its socket full; at the next one it
// ends.
std::string Stream::check_command() const {
    constexpr const char *let_it_go = ", pg_catalog.pg_sleep(0.005)";
    auto is_process = [](int process) { return "OPERATOR(pg_catalog.=) " + std::to_string(process); };
    std::string expression;
    if (options_.takeover)
        expression = end_holder_expression("IS NOT NULL");
    else if (is_taking_over())
        expression = end_holder_expression(is_process(told_to_end_)) + let_it_go;
    else if (given_up_ != 0)
        expression = end_holder_expression(is_process(given_up_));
    return stream_check_sql(options_.slot, expression);
}

std::string Stream::start_command() const {
    return "START_REPLICATION SLOT \"" + options_.slot + "\" LOGICAL 0/0 (" + dialect_->options() + ")";
}

void Stream::check_slot(const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        options_.takeover = false; // perhaps not allowed: then the relay waits like any other
        given_up_ = 0;
        throw StreamLost(error_of(result));
    }
    StreamCheck check = read_stream_check(result, options_.slot, source_.timeline);
    sender_timeout_ = check.sender_timeout;
    if (source_.database.empty()) // a second look would be in another encoding
        source_.database = check.database;
    source_.confirmed = check.confirmed;
    source_.wal_end = check.wal_end;
    source_.was_held = !check.holder.empty();
    source_.reset_command = options_.reset_command + (check.plugin == "pgoutput" ? " --plugin pgoutput" : "");
    source_.clock_ahead_ms = check.clock_ahead_ms;
    if (!dialect_ && check.plugin == "pgoutput")
        dialect_ = std::make_unique<PgoutputDialect>(options_.topics, parse_event_max(check.event_max));
    else if (!dialect_)
        dialect_ = std::make_unique<PluginDialect>(options_.topics);
    if (options_.takeover && source_.was_held) {
        taking_over_until_ = Clock::now() + takeover_patience;
        told_to_end_ = atoi(check.holder.c_str());
    }
    options_.takeover = false; // two relays that take the slot from each other would never deliver
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
    constexpr const char *invalid_parameter_value = "22023";
    std::string state = sqlstate_of(result), reason = error_of(result);
    if (state == StreamLost::slot_in_use_code && is_taking_over())
        return;                                // asks again at once: other relays that wait ask more seldom
    if (state == StreamLost::slot_in_use_code) // the server's message names the process
        throw StreamLost(reason, state);
    if (state == invalid_parameter_value && dialect_->asks_otherwise())
        return; // asks again at once
    refuse_start(state, reason, options_.slot);
}

// ---- streaming ------------------------------------------------------------------------------------------------------

// libpq may hold whole messages while the socket is silent, and one PQconsumeInput() takes no more than its buffer, so the loop goes on
// until both are empty.
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
            ended_ = true; // the server has read all that the relay sent before
            if (PQisBusy(connection_.get()) != 0)
                return std::monostate(); // the server may still send the rest of a long transaction
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
