#include "postgres/harden.h"

#include <vector>

namespace outbox {
namespace {

// Every overload of the function: from PostgreSQL 17 on each has one more argument.
constexpr const char *functions_sql = " FROM pg_catalog.pg_proc AS f WHERE f.proname OPERATOR(pg_catalog.=) 'pg_logical_emit_message'"
                                      " AND f.pronamespace OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace";
constexpr const char *grants_sql = "LATERAL pg_catalog.aclexplode(COALESCE(f.proacl, pg_catalog.acldefault('f', f.proowner))) AS a";

void report(const Steps &steps, const std::string &what, const std::string &roles_sql) {
    std::string roles = steps.server().value("SELECT pg_catalog.string_agg(pg_catalog.quote_ident(r.rolname), ', ' ORDER BY r.rolname)"
                                             " FROM pg_catalog.pg_roles AS r WHERE " +
                                             roles_sql);
    steps.say(what + ": " + (roles.empty() ? "none" : roles));
}

// The roles that were granted the function, without the function's owner, who is a superuser.
std::string granted_sql(const std::string &condition) {
    return "EXISTS (SELECT 1" + std::string(functions_sql) + " AND EXISTS (SELECT 1 FROM " + grants_sql +
           " WHERE a.privilege_type OPERATOR(pg_catalog.=) 'EXECUTE' AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid"
           " AND a.grantee OPERATOR(pg_catalog.<>) f.proowner AND " +
           condition + "))";
}

void report_forgers(const Steps &steps) {
    const std::string is_member_of_superuser = "NOT r.rolsuper AND EXISTS (SELECT 1 FROM pg_catalog.pg_roles AS s WHERE s.rolsuper AND"
                                               " pg_catalog.pg_has_role(r.oid, s.oid, 'MEMBER'))";
    const std::string is_grantee = "a.grantee OPERATOR(pg_catalog.=) r.oid";
    const std::string is_member_of_grantee = "pg_catalog.pg_has_role(r.oid, a.grantee, 'MEMBER')";
    report(steps, "superusers, who can forge events", "r.rolsuper");
    report(steps, "members of a superuser's role, who can forge events", is_member_of_superuser);
    report(steps, "roles that were granted pg_logical_emit_message(), who can forge events",
           "NOT r.rolsuper AND " + granted_sql(is_grantee));
    report(steps, "members of roles that were granted pg_logical_emit_message(), who can forge events",
           "NOT r.rolsuper AND " + granted_sql(is_member_of_grantee) + " AND NOT " + granted_sql(is_grantee) + " AND NOT (" +
               is_member_of_superuser + ")");
    report(steps, "roles with REPLICATION, who can read all events and confirm events that are not delivered",
           "r.rolreplication AND NOT r.rolsuper");
}

} // namespace

std::vector<std::string> emit_message_open_to_public(Server &server) {
    std::vector<std::string> functions;
    for (const Server::Row &row : server.rows(
             "SELECT 'pg_catalog.pg_logical_emit_message(' OPERATOR(pg_catalog.||) pg_catalog.pg_get_function_identity_arguments(f.oid)"
             " OPERATOR(pg_catalog.||) ')'" +
             std::string(functions_sql) + " AND EXISTS (SELECT 1 FROM " + grants_sql +
             " WHERE a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid AND a.privilege_type OPERATOR(pg_catalog.=) 'EXECUTE') ORDER BY 1"))
        functions.push_back(row[0]);
    return functions;
}

void harden(const Steps &steps) {
    Server &server = steps.server();
    std::vector<std::string> statements;
    for (const std::string &function : emit_message_open_to_public(server))
        statements.push_back("REVOKE EXECUTE ON FUNCTION " + function + " FROM PUBLIC");
    if (statements.empty())
        steps.say("pg_logical_emit_message() is closed to PUBLIC in this database");
    else
        steps.change("revoked pg_logical_emit_message() from PUBLIC in this database", statements);
    // A role that may not revoke gets a warning of the server and no error.
    if (!steps.dry_run() && !emit_message_open_to_public(server).empty())
        throw Failure(ExitCode::not_prepared,
                      "pg_logical_emit_message() is still open to PUBLIC; run setup --harden as a superuser, or give its --dry-run to one");
    report_forgers(steps);
}

} // namespace outbox
