// The checks of rights, and of the connection itself. A right is tried where the attempt writes nothing.
#include "base/log.h"
#include "command/doctor/consultation.h"
#include "command/doctor/harmful_setting.h"
#include "postgres/conninfo.h"
#include "postgres/extension_check.h"
#include "postgres/harden.h"
#include "postgres/replication_trial.h"

namespace outbox {
namespace {

// The functions that need a grant. The functions whose topic is an outbox.topic_name are open to everybody, and call these.
constexpr const char *emit_sql =
    " FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace WHERE n.nspname = 'outbox' AND f.proname IN"
    " ('emit', 'emit_many') AND f.proargtypes[0] = 'text'::regtype";

// The check tries the right: a role may have the attribute, be a superuser, or have the right in another way, as on hosted servers.
Finding replication(Consultation &doctor) {
    Server &server = doctor.server();
    std::string reason = try_replication(doctor.command().login, doctor.signals());
    if (reason.empty())
        return ok("role \"" + printable(doctor.role()) + "\" may read a replication stream");
    bool lacks_right = reason.find("42501") != std::string::npos, lacks_line = reason.find("28000") != std::string::npos;
    std::string role = server.value("SELECT quote_ident(current_user)");
    std::vector<std::string> repair;
    if (lacks_right)
        repair = {"ALTER ROLE " + role + " REPLICATION;"};
    else if (lacks_line)
        repair = {"echo " + shell_quoted("hostssl " + doctor.database() + " " + doctor.role() + " samenet scram-sha-256") +
                  " | sudo tee -a pg_hba.conf"};
    return fail("the relay's connection is refused: " + reason, repair,
                lacks_line ? "in the directory of pg_hba.conf, above other lines; then SELECT pg_reload_conf()" : "");
}

Finding who_emits(Consultation &doctor) {
    Server &server = doctor.server();
    if (server.value("SELECT count(*)" + std::string(emit_sql)) == "0")
        throw Skipped("extension \"outbox\" is not installed");
    std::string functions = server.value("SELECT string_agg(f.oid::regprocedure::text, ', ')" + std::string(emit_sql));
    if (server.is_true("SELECT bool_or(has_function_privilege('public', f.oid, 'EXECUTE'))" + std::string(emit_sql)))
        return warn("every role may call outbox.emit(), for every topic", {"REVOKE EXECUTE ON FUNCTION " + functions + " FROM PUBLIC;"});
    std::string roles = server.value(
        "SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname) FROM pg_roles AS r WHERE NOT r.rolsuper"
        " AND has_schema_privilege(r.oid, 'outbox', 'USAGE') AND (SELECT bool_and(has_function_privilege(r.oid, f.oid, 'EXECUTE'))" +
        std::string(emit_sql) + ")");
    if (!roles.empty())
        return ok("outbox.emit() may be called by: " + printable(roles));
    std::string candidate =
        server.value("SELECT quote_ident(r.rolname) FROM pg_roles AS r WHERE r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolreplication"
                     " AND has_database_privilege(r.oid, current_database(), 'CONNECT') ORDER BY r.rolname LIMIT 1");
    if (candidate.empty())
        candidate = "app";
    return warn("no role but superusers may call outbox.emit()",
                {"GRANT USAGE ON SCHEMA outbox TO " + candidate + ";", "GRANT EXECUTE ON FUNCTION " + functions + " TO " + candidate + ";"},
                "with the application's role in place of " + candidate);
}

Finding forgers(Consultation &doctor) {
    std::vector<std::string> functions = emit_message_open_to_public(doctor.server());
    if (functions.empty())
        return ok("pg_logical_emit_message() is closed to PUBLIC in this database");
    std::vector<std::string> repair;
    repair.reserve(functions.size());
    for (const std::string &function : functions)
        repair.push_back("REVOKE EXECUTE ON FUNCTION " + function + " FROM PUBLIC;");
    std::string more = doctor.server().version() < 160000 ? ", and with a message of 1 GB make the slot unreadable for ever" : "";
    return warn("every role can forge an event with pg_logical_emit_message()" + more, repair);
}

Finding schema(Consultation &doctor) {
    if (std::optional<Stranger> stranger = find_stranger(doctor.server()))
        return fail(stranger->sentence, {stranger->statement + ";"});
    return ok("schema \"outbox\" is the extension's alone");
}

bool is_local(const std::string &address) { return address.empty() || address.starts_with("127.") || address == "::1"; }

Finding tls(Consultation &doctor) {
    auto row = doctor.server()
                   .rows("SELECT s.ssl, s.version, host(inet_server_addr()) FROM pg_stat_ssl AS s WHERE s.pid = pg_backend_pid()")
                   .at(0);
    std::string mode = ssl_mode(doctor.command().login.dsn);
    if (!doctor.command().login.sslmode.empty() && mode == "prefer") // libpq's default: nobody has named an sslmode
        mode = doctor.command().login.sslmode;
    if (row[0] == "t" && mode == "verify-full")
        return ok("the connection is encrypted (" + row[1] + ") and the server's certificate is checked");
    if (is_local(row[2]) && row[0] != "t")
        return ok("the connection stays on this machine");
    std::string line = "outbox-relay doctor --dsn " +
                       shell_quoted(public_conninfo(doctor.command().login.dsn) + " user=" + doctor.role() + " sslmode=verify-full");
    if (row[0] == "t")
        return warn("the connection is encrypted and the server's certificate is not checked (sslmode=" + mode +
                        "): anybody in the network between can read the events",
                    {line}, "with sslrootcert=… where the authority is your own; then give the relay the same --dsn");
    return warn("the connection to " + row[2] + " is not encrypted: events and password can be read on the way",
                {"ALTER SYSTEM SET ssl = on;", "SELECT pg_reload_conf();", line},
                "with a certificate on the server; then give the relay the same --dsn");
}

// A pooler has process numbers of its own, other than the server's. PgBouncer passes the replication stream on from 1.23 on.
Finding pooler(Consultation &doctor) {
    Server &server = doctor.server();
    if (server.value("SELECT pg_backend_pid()") == std::to_string(server.process()))
        return ok("no pooler is between doctor and the server");
    auto row = server
                   .rows("SELECT COALESCE(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),"
                         " current_setting('port')")
                   .at(0);
    std::vector<std::string> repair = {"outbox-relay doctor --dsn " + shell_quoted("host=" + row[0] + " port=" + row[1] + " dbname=" +
                                                                                   doctor.database() + " user=" + doctor.role())};
    constexpr const char *then = "then give the relay the same --dsn: the server itself";
    if (try_replication(doctor.command().login, doctor.signals()).empty())
        return warn("a pooler is between doctor and the server: a restart of the pooler cuts the replication stream off", repair, then);
    return fail("a pooler is between doctor and the server, and passes no replication stream on", repair, then);
}

constexpr HarmfulSetting harmful[] = {
    {"^default_transaction_read_only=(on|true|yes|1)$", "transactions of such sessions cannot emit"},
    {"^synchronous_commit=off$", "an event waits for the WAL writer, up to three times wal_writer_delay"},
    {"^log_statement=(all|mod)$", "the server's log shows payloads"},
    {"^log_min_duration_statement=0$", "the server's log shows payloads"},
    {"^session_replication_role=replica$", "triggers that emit do not run"},
    {"^outbox[.]capture=(on|session|true|yes|1)$",
     "emit() keeps events in memory, for tests, and a transaction commits without its event where no slot can"
     " deliver the event"},
};

// Finds settings that sessions have without asking for them, and that harm transactions that emit.
Finding session_settings(Consultation &doctor) {
    for (const HarmfulSetting &each : harmful)
        if (std::optional<Finding> found = find_setting(doctor.server(), each))
            return *found;
    return ok("no setting of a role, the database or the server stops emit(), delays or captures events, or logs payloads");
}

constexpr Check checks[] = {
    {"replication", replication},
    {"who-emits", who_emits},
    {"forgers", forgers},
    {"schema", schema},
    {"tls", tls},
    {"pooler", pooler},
    {"session-settings", session_settings},
};

} // namespace

std::span<const Check> access_checks() { return checks; }

} // namespace outbox
