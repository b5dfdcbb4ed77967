#include "command/setup_roles.h"

namespace outbox {
namespace {

std::string quoted_role(Server &server, const std::string &role) {
    return server.value("SELECT pg_catalog.quote_ident(" + quote_literal(role) + ")");
}

// On Amazon RDS a member of this role may replicate, and nobody may give REPLICATION. On other servers the role does not exist.
const std::string rds_role = "rds_replication";

bool is_there(Server &server, const std::string &role) {
    return !server.value("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) " + quote_literal(role)).empty();
}

bool may_replicate(Server &server, const std::string &role, bool is_rds) {
    std::string is_member = is_rds ? " OR (r.rolcanlogin AND pg_catalog.pg_has_role(r.oid, '" + rds_role + "', 'MEMBER'))" : "";
    return server.is_true("SELECT r.rolsuper OR (r.rolreplication AND r.rolcanlogin)" + is_member +
                          " FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) " + quote_literal(role));
}

// The statements that let the role log in and replicate; `verb` is CREATE or ALTER.
std::vector<std::string> let_replicate(const std::string &verb, const std::string &name, bool is_rds) {
    std::string login = verb + " ROLE " + name + " LOGIN";
    if (is_rds)
        return {login, "GRANT " + rds_role + " TO " + name};
    return {login + " REPLICATION"};
}

// The functions that need a grant. The functions whose topic is an outbox.topic_name are open to everybody, and call these.
constexpr const char *emit_sql =
    " FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) f.pronamespace"
    " WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND f.proname OPERATOR(pg_catalog.=) ANY"
    " (ARRAY['emit', 'emit_many']::pg_catalog.name[]) AND f.proargtypes[0] OPERATOR(pg_catalog.=)"
    " 'pg_catalog.text'::pg_catalog.regtype";

// The advice for a role that no line of pg_hba.conf lets in: a line counts that names this database and the role, or "all". Empty, too,
// where the session may not read pg_hba_file_rules.
std::string missing_line(Server &server, const std::string &role) {
    try {
        std::string database = server.value("SELECT pg_catalog.current_database()");
        std::string found = server.value(
            "SELECT 1 FROM pg_catalog.pg_hba_file_rules AS h WHERE h.error IS NULL AND h.auth_method OPERATOR(pg_catalog.<>) 'reject'"
            " AND (h.database OPERATOR(pg_catalog.&&) ARRAY['all', " +
            quote_literal(database) +
            "]::pg_catalog.text[])"
            " AND (h.user_name OPERATOR(pg_catalog.&&) ARRAY['all', " +
            quote_literal(role) + "]::pg_catalog.text[]) LIMIT 1");
        return found.empty() ? "hostssl " + database + " " + role + " <the relay's address> scram-sha-256" : "";
    } catch (const QueryRefused &) {
        return "";
    }
}

} // namespace

void prepare_relay_role(const Steps &steps, const std::string &role) {
    Server &server = steps.server();
    std::string name = quoted_role(server, role);
    bool is_rds = is_there(server, rds_role);
    if (!is_there(server, role)) {
        steps.change("created role " + name + ", which may read a replication stream; give it a password: \\password " + name,
                     let_replicate("CREATE", name, is_rds));
    } else if (!may_replicate(server, role, is_rds)) {
        steps.change("role " + name + " may log in and read a replication stream now", let_replicate("ALTER", name, is_rds));
    } else {
        steps.say("role " + name + " may read a replication stream");
    }
    if (!is_there(server, role) ||
        server.value("SELECT pg_catalog.pg_has_role(" + quote_literal(role) + ", 'pg_monitor', 'MEMBER')") != "t")
        steps.change("role " + name + " sees what doctor and status look at (pg_monitor)", {"GRANT pg_monitor TO " + name});
    if (std::string line = missing_line(server, role); !line.empty())
        steps.say("pg_hba.conf has no line that lets role " + name + " in; add above the others: " + line);
}

void prepare_app_role(const Steps &steps, const std::string &role) {
    Server &server = steps.server();
    std::string name = quoted_role(server, role);
    if (!is_there(server, role))
        steps.change("created role " + name + "; give it a password: \\password " + name, {"CREATE ROLE " + name + " LOGIN"});
    std::string functions =
        server.value("SELECT pg_catalog.string_agg(f.oid::pg_catalog.regprocedure::pg_catalog.text, ', ')" + std::string(emit_sql));
    // Version 1.0 has no such view.
    bool has_view = functions.empty() || !server.value("SELECT pg_catalog.to_regclass('outbox.events')").empty();
    std::string may_insert = has_view ? " AND pg_catalog.has_table_privilege(" + quote_literal(role) + ", 'outbox.events', 'INSERT')" +
                                            " AND pg_catalog.has_table_privilege(" + quote_literal(role) + ", 'outbox.events', 'SELECT')"
                                      : "";
    if (functions.empty()) // with --dry-run, before the extension is installed
        functions =
            "outbox.emit(text, text, anycompatible, text, jsonb), outbox.emit(text, bigint, anycompatible, text, jsonb), "
            "outbox.emit(text, uuid, anycompatible, text, jsonb), outbox.emit_many(text, text[], anycompatiblearray, text[], jsonb[]), "
            "outbox.emit_many(text, bigint[], anycompatiblearray, text[], jsonb[]), "
            "outbox.emit_many(text, uuid[], anycompatiblearray, text[], jsonb[])";
    else if (is_there(server, role) && server.is_true("SELECT pg_catalog.has_schema_privilege(" + quote_literal(role) +
                                                      ", 'outbox', 'USAGE') AND pg_catalog.bool_and(pg_catalog.has_function_privilege(" +
                                                      quote_literal(role) + ", f.oid, 'EXECUTE'))" + may_insert + std::string(emit_sql)))
        return steps.say("role " + name + " may emit");
    std::vector<std::string> grants = {"GRANT USAGE ON SCHEMA outbox TO " + name, "GRANT EXECUTE ON FUNCTION " + functions + " TO " + name};
    if (has_view)
        grants.push_back("GRANT INSERT, SELECT ON outbox.events TO " + name);
    steps.change("role " + name + " may emit now", grants);
}

} // namespace outbox
