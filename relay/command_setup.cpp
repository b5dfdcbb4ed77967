#include "command_setup.h"

#include "connection.h"
#include "state_topic.h"

#include <iostream>

namespace outbox {
namespace {

constexpr auto reload_timeout = std::chrono::seconds(10);

class Setup {
public:
    Setup(const SetupCommand &command, Signals &signals) : command_(command), signals_(signals), connection_(connect(command.dsn)) {}

    void run() {
        std::string standby = value("SELECT pg_catalog.pg_is_in_recovery()");
        if (standby == "t")
            throw Failure(ExitCode::not_prepared, "the server is a standby; connect to the primary");
        require_wal_level();
        create_extension();
        allow_plugin();
        bool created = create_slot();
        if (command_.delivery == Delivery::exactly_once)
            prepare_state(created);
        if (!command_.topics.empty())
            say("run its relay with: outbox-relay run --slot " + command_.slot + " --topics '" + command_.topics + "'");
    }

private:
    Result query(const std::string &sql) {
        Result result(PQexec(connection_.get(), sql.c_str()));
        ExecStatusType status = PQresultStatus(result.get());
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
            return result;
        std::string state = result ? sqlstate_of(result.get()) : "";
        ExitCode code = state == "42501" ? ExitCode::not_prepared : ExitCode::unexpected;
        std::string advice = state == "42501" ? "; run setup as a superuser, or give the output of setup --dry-run to one" : "";
        throw Failure(code, error_of(result.get()) + advice);
    }

    // The first column of the first row; empty where there is none.
    std::string value(const std::string &sql) {
        Result result = query(sql);
        return PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) ? "" : PQgetvalue(result.get(), 0, 0);
    }

    int server_version() const { return PQserverVersion(connection_.get()); }

    void say(const std::string &text) { std::cout << (command_.dry_run ? "-- " : "") << text << std::endl; }

    // Runs the statements and says so, or prints them.
    void change(const std::string &done, const std::vector<std::string> &statements) {
        for (const std::string &sql : statements) {
            if (command_.dry_run)
                std::cout << sql << ";" << std::endl;
            else
                query(sql);
        }
        if (!command_.dry_run)
            say(done);
    }

    void require_wal_level() {
        std::string level = value("SHOW wal_level");
        if (level == "logical" || (server_version() >= 190000 && level == "replica"))
            return;
        const char *sql = "ALTER SYSTEM SET wal_level = logical";
        if (command_.dry_run)
            std::cout << sql << "; -- takes a restart of the server" << std::endl;
        else
            throw Failure(ExitCode::not_prepared, "wal_level is \"" + level + "\" and must be \"logical\": " + sql +
                                                      ", restart the server, "
                                                      "then run setup again");
    }

    void create_extension() {
        if (!value("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'outbox'").empty())
            return say("extension \"outbox\" is there");
        if (value("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'outbox'").empty())
            throw Failure(ExitCode::plugin_refused, "the extension's files are not on this server; install them there with: make install");
        change("created extension \"outbox\"", {"CREATE EXTENSION outbox"});
    }

    // Servers since August 2026 start only those output plugins that this setting names. Older ones do not know it.
    std::string allowed_plugins() { return value("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'output_plugin_libraries'"); }

    bool plugin_is_allowed(const std::string &list) {
        return !value("SELECT 1 FROM pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.replace(" + quote_literal(list) +
                      ", '\"', ''), ',')) AS name WHERE pg_catalog.btrim(name) = 'outbox'")
                    .empty();
    }

    // Whether the server knows a setting that this role may not read.
    bool setting_is_hidden() {
        Result result(PQexec(connection_.get(), "SHOW output_plugin_libraries"));
        return PQresultStatus(result.get()) != PGRES_TUPLES_OK && sqlstate_of(result.get()) == "42501";
    }

    void allow_plugin() {
        Result known = query("SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'output_plugin_libraries'");
        if (PQntuples(known.get()) == 0)
            return say(setting_is_hidden() ? "\"output_plugin_libraries\" cannot be read by this role; it must name \"outbox\""
                                           : "this server needs no permission for the plugin");
        std::string list = allowed_plugins();
        if (plugin_is_allowed(list))
            return say("plugin \"outbox\" is allowed");

        // A list: each name on its own, no quotes around the whole.
        std::string names = value("SELECT pg_catalog.string_agg(pg_catalog.quote_literal(pg_catalog.btrim(name)), ', ') FROM "
                                  "pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.replace(" +
                                  quote_literal(list) + ", '\"', ''), ',')) AS name WHERE pg_catalog.btrim(name) <> ''");
        names += (names.empty() ? "" : ", ") + std::string("'outbox'");
        change("allowed plugin \"outbox\" (output_plugin_libraries)",
               {"ALTER SYSTEM SET output_plugin_libraries = " + names, "SELECT pg_catalog.pg_reload_conf()"});
        if (command_.dry_run)
            std::cout << "SELECT pg_catalog.pg_sleep(1); -- until this session has read it, too" << std::endl;
        else
            await_permission();
    }

    void await_permission() {
        for (auto until = Clock::now() + reload_timeout; !plugin_is_allowed(allowed_plugins());) {
            if (Clock::now() >= until)
                throw Failure(ExitCode::not_prepared,
                              "output_plugin_libraries still does not name \"outbox\": is it set on the server's command line?");
            query("SELECT pg_catalog.pg_sleep(0.02)");
        }
    }

    // True where it did.
    bool create_slot() {
        std::string literal = quote_literal(command_.slot);
        Result slot =
            query("SELECT plugin, database = pg_catalog.current_database(), wal_status, database FROM pg_catalog.pg_replication_slots "
                  "WHERE slot_name = " +
                  literal);
        if (PQntuples(slot.get()) == 0) {
            if (!command_.dry_run)
                say("creating slot \"" + command_.slot + "\" (waits for transactions that are open now)");
            // From 17 on a standby can carry the slot over a failover.
            std::string failover = server_version() >= 170000 ? ", failover => true" : "";
            change("created slot \"" + command_.slot + "\": events are kept for the relay from now on",
                   {"SELECT pg_catalog.pg_create_logical_replication_slot(" + literal + ", 'outbox'" + failover + ")"});
            return true;
        }
        std::string name = "slot \"" + command_.slot + "\"";
        if (std::string plugin = PQgetvalue(slot.get(), 0, 0); plugin != "outbox")
            throw Failure(ExitCode::plugin_refused,
                          name + " is there, but of the output plugin \"" + plugin + "\"; choose another with --slot");
        if (std::string here = PQgetvalue(slot.get(), 0, 1); here != "t")
            throw Failure(ExitCode::slot_unusable, name + " is there, but of database \"" + PQgetvalue(slot.get(), 0, 3) + "\"");
        if (std::string status = PQgetvalue(slot.get(), 0, 2); status == "lost")
            throw Failure(ExitCode::slot_unusable, name +
                                                       " has been invalidated and what it had not delivered is lost; to start anew: SELECT "
                                                       "pg_drop_replication_slot(" +
                                                       literal + "), then run setup again");
        say(name + " is there");
        return false;
    }

    // ---- exactly once

    Source source() {
        Result row = query("SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), pg_catalog.current_database(), "
                           "pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), 8), "
                           "pg_catalog.pg_current_wal_flush_lsn(), s.confirmed_flush_lsn, s.active_pid FROM "
                           "pg_catalog.pg_replication_slots AS s WHERE s.slot_name = " +
                           quote_literal(command_.slot));
        if (PQntuples(row.get()) != 1)
            throw Failure(ExitCode::slot_unusable, "slot \"" + command_.slot + "\" has gone");
        auto column = [&](int number) { return std::string(PQgetvalue(row.get(), 0, number)); };
        Source source;
        source.system_identifier = column(0);
        source.database = column(1);
        source.slot = command_.slot;
        source.topics = command_.topics;
        source.timeline = static_cast<uint32_t>(strtoul(column(2).c_str(), nullptr, 16));
        source.wal_end = parse_lsn(column(3)).value_or(Lsn{});
        source.confirmed = parse_lsn(column(4)).value_or(Lsn{});
        holder_ = column(5);
        if (source.timeline > 1) { // as TIMELINE_HISTORY would, which needs a replication connection
            std::string file = "pg_catalog.lpad(pg_catalog.to_hex(" + std::to_string(source.timeline) + "), 8, '0')";
            source.history = parse_timeline_history(
                value("SELECT pg_catalog.pg_read_file('pg_wal/' || pg_catalog.upper(" + file + ") || '.history', 0, 1048576, true)"));
        }
        return source;
    }

    // Writing it fences a relay that delivers, and what it confirms meanwhile would be missed.
    void write(const Source &source, const Position &position, const std::string &done) {
        if (!holder_.empty())
            throw Failure(ExitCode::not_prepared, "slot \"" + command_.slot + "\" is active for PID " + holder_ + ": stop its relay first");
        write_state(command_.kafka, source, {position, position.end, source.timeline, source.topics}, signals_);
        say(done);
    }

    void prepare_state(bool slot_is_new) {
        std::string topic = "state topic \"" + command_.kafka.state_topic + "\"";
        if (command_.dry_run)
            return say(topic + " is created, and the position written to it, without --dry-run");
        say(ensure_state_topic(command_.kafka, signals_) ? "created " + topic : topic + " is there");
        Source here = source();
        std::optional<State> state = read_state(command_.kafka, here, signals_);
        if (command_.reset_state || (!state && slot_is_new)) {
            Position position = reset(state, here);
            return write(here, position, "exactly-once delivery goes on from " + format_lsn(position.end));
        }
        if (state && state->topics != here.topics && state->timeline == here.timeline) {
            if (!state->position.complete)
                throw Failure(ExitCode::position_refused,
                              "a transaction is only partly delivered; let the relay finish it with --topics '" + state->topics +
                                  "' first");
            here.topics = state->topics;
            resume(state, here);
            here.topics = command_.topics;
            return write(here, state->position, "it delivers --topics '" + command_.topics + "' from now on");
        }
        resume(state, here);
        say("its position is there: " + format_lsn(state->position.end));
    }

    std::string holder_; // the process that has the slot; empty: none
    const SetupCommand &command_;
    Signals &signals_;
    Connection connection_;
};

} // namespace

void set_up(const SetupCommand &command, Signals &signals) { Setup(command, signals).run(); }

} // namespace outbox
