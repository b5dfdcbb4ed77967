#include "command_setup.h"

#include "connection.h"

#include <iostream>

namespace outbox {
namespace {

constexpr auto reload_timeout = std::chrono::seconds(10);

class Setup {
public:
    explicit Setup(const SetupCommand &command) : command_(command), connection_(connect(command.dsn)) {}

    void run() {
        std::string standby = value("SELECT pg_catalog.pg_is_in_recovery()");
        if (standby == "t")
            throw Failure(ExitCode::not_prepared, "the server is a standby; connect to the primary");
        require_wal_level();
        create_extension();
        allow_plugin();
        create_slot();
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

    void create_slot() {
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
            return change("created slot \"" + command_.slot + "\": events are kept for the relay from now on",
                          {"SELECT pg_catalog.pg_create_logical_replication_slot(" + literal + ", 'outbox'" + failover + ")"});
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
    }

    const SetupCommand &command_;
    Connection connection_;
};

} // namespace

void set_up(const SetupCommand &command) { Setup(command).run(); }

} // namespace outbox
