#include "postgres/extension_check.h"

namespace outbox {
namespace {

// The roles that may own the schema and its objects: superusers, who need no detour, and the extension's owner, or the role that is about
// to create the extension.
constexpr const char *is_trusted_sql =
    "(SELECT r.rolsuper OR r.oid OPERATOR(pg_catalog.=) COALESCE((SELECT e.extowner FROM pg_catalog.pg_extension AS e"
    " WHERE e.extname OPERATOR(pg_catalog.=) 'outbox'), (SELECT u.oid FROM pg_catalog.pg_roles AS u"
    " WHERE u.rolname OPERATOR(pg_catalog.=) CURRENT_USER)) FROM pg_catalog.pg_roles AS r WHERE r.oid OPERATOR(pg_catalog.=) ";

constexpr const char *schema_sql = "(SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox')";

// The objects of the schema that are no members of the extension: kind for DROP, name, owner, whether the owner is trusted.
std::string strangers_sql() {
    auto select = [](const std::string &kind, const std::string &catalog, const std::string &prefix, const std::string &type) {
        return "SELECT '" + kind + "', o.oid::pg_catalog." + type + "::pg_catalog.text, pg_catalog.pg_get_userbyid(o." + prefix +
               "owner), " + is_trusted_sql + "o." + prefix + "owner) FROM pg_catalog." + catalog + " AS o WHERE o." + prefix +
               "namespace OPERATOR(pg_catalog.=) " + schema_sql +
               " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog." + catalog +
               "'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) o.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')";
    };
    return select("function", "pg_proc", "pro", "regprocedure") + " UNION ALL " + select("operator", "pg_operator", "opr", "regoperator") +
           " ORDER BY 4, 2 LIMIT 10";
}

Stranger stranger(const std::string &what, const std::string &way_out, const std::string &statement) {
    return {printable(what) + ", and so could have code of his own run as whoever calls outbox.emit(), a superuser too", printable(way_out),
            statement};
}

} // namespace

std::optional<Stranger> find_stranger(Server &server) {
    auto owners = server.rows("SELECT pg_catalog.pg_get_userbyid(n.nspowner), " + std::string(is_trusted_sql) +
                              "n.nspowner), pg_catalog.quote_ident(CURRENT_USER) FROM pg_catalog.pg_namespace AS n"
                              " WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox'");
    if (owners.empty())
        return std::nullopt;
    bool is_installed = !server.value("SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'outbox'").empty();
    std::string take_over = "ALTER SCHEMA outbox OWNER TO " + owners[0][2];
    if (owners[0][1] != "t")
        return stranger("schema \"outbox\" belongs to role \"" + owners[0][0] + "\", who can replace what is in it",
                        is_installed ? "Look at what is in it, then take it over: " + take_over
                                     : "It is not the extension's. Rename it (ALTER SCHEMA outbox RENAME TO ...), or drop it where nothing "
                                       "in it is needed (DROP SCHEMA outbox)",
                        is_installed ? "ALTER SCHEMA outbox OWNER TO CURRENT_USER" : "ALTER SCHEMA outbox RENAME TO outbox_of_another");

    for (const Server::Row &grant :
         server.rows("SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) FROM pg_catalog.pg_namespace AS n, "
                     "LATERAL pg_catalog.aclexplode(n.nspacl) AS a WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND a.privilege_type "
                     "OPERATOR(pg_catalog.=) 'CREATE' AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner AND a.grantee "
                     "OPERATOR(pg_catalog.<>) 0::pg_catalog.oid"
                     " AND NOT " +
                     std::string(is_trusted_sql) +
                     "a.grantee) UNION ALL SELECT 'PUBLIC' FROM pg_catalog.pg_namespace AS n, "
                     "LATERAL pg_catalog.aclexplode(n.nspacl) AS a WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND a.privilege_type "
                     "OPERATOR(pg_catalog.=) 'CREATE' AND a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid"))
        return stranger("role " + grant[0] + " may create functions in schema \"outbox\"",
                        "Take that away: REVOKE CREATE ON SCHEMA outbox FROM " + grant[0],
                        "REVOKE CREATE ON SCHEMA outbox FROM " + grant[0]);

    for (const Server::Row &object : server.rows(strangers_sql()))
        if (object[3] != "t") {
            std::string what = object[0] + " " + object[1];
            return stranger(what + " is not the extension's and belongs to role \"" + object[2] + "\"", "Look at it, then: DROP " + what,
                            "DROP " + what);
        }
    return std::nullopt;
}

void require_schema_of_ours(const Steps &steps) {
    if (std::optional<Stranger> found = find_stranger(steps.server()))
        throw Failure(ExitCode::not_prepared, found->sentence + ". " + found->way_out + ". Then run setup again");
    for (const Server::Row &object : steps.server().rows(strangers_sql()))
        steps.say(object[0] + " " + object[1] + " is in schema \"outbox\" and not the extension's: it is left alone");
}

// The extension's scripts refuse to run where the schema has an object that is not the extension's. setup says so before, with --dry-run,
// too.
static void require_nothing_else(Server &server) {
    std::string stranger = server.value(
        "SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) FROM pg_catalog.pg_depend AS d WHERE d.refclassid "
        "OPERATOR(pg_catalog.=) "
        "'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) " +
        std::string(schema_sql) +
        " AND d.deptype OPERATOR(pg_catalog.=) 'n' AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass"
        " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS m JOIN pg_catalog.pg_extension AS e ON m.refobjid OPERATOR(pg_catalog.=) "
        "e.oid"
        " WHERE m.classid OPERATOR(pg_catalog.=) d.classid AND m.objid OPERATOR(pg_catalog.=) d.objid AND m.refclassid "
        "OPERATOR(pg_catalog.=)"
        " 'pg_catalog.pg_extension'::pg_catalog.regclass AND m.deptype OPERATOR(pg_catalog.=) 'e' AND e.extname OPERATOR(pg_catalog.=) "
        "'outbox')"
        " ORDER BY 1 LIMIT 1");
    if (!stranger.empty())
        throw Failure(ExitCode::not_prepared, "schema \"outbox\" holds an object that is not the extension's: " + printable(stranger) +
                                                  ". Drop it, or move it to another schema, then run setup again");
}

void install_extension(const Steps &steps) {
    Server &server = steps.server();
    require_schema_of_ours(steps);
    auto versions =
        server.rows("SELECT a.default_version, e.extversion, EXISTS (SELECT 1 FROM pg_catalog.pg_extension_update_paths('outbox') AS p"
                    " WHERE p.source OPERATOR(pg_catalog.=) e.extversion AND p.target OPERATOR(pg_catalog.=) a.default_version"
                    " AND p.path IS NOT NULL) FROM (SELECT 'outbox'::pg_catalog.name AS name) AS one"
                    " LEFT JOIN pg_catalog.pg_available_extensions AS a ON a.name OPERATOR(pg_catalog.=) one.name"
                    " LEFT JOIN pg_catalog.pg_extension AS e ON e.extname OPERATOR(pg_catalog.=) one.name");
    const std::string &on_disk = versions[0][0], &installed = versions[0][1];
    if (on_disk.empty())
        throw Failure(ExitCode::plugin_refused, files_missing_text + std::string("; install them there with: make install"));
    bool is_older = !installed.empty() && installed != on_disk && versions[0][2] == "t";
    if (installed.empty() || is_older)
        require_nothing_else(server);
    if (installed.empty()) {
        try {
            return steps.change("created extension \"outbox\"", {"CREATE EXTENSION outbox"});
        } catch (const QueryRefused &refused) {
            bool was_made_meanwhile = refused.sqlstate() == "42710" || refused.sqlstate() == "23505"; // duplicate_object, unique_violation
            if (!was_made_meanwhile ||
                server.value("SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'outbox'").empty())
                throw;
        }
    } else if (is_older) {
        return steps.change("updated extension \"outbox\" from " + installed + " to " + on_disk, {"ALTER EXTENSION outbox UPDATE"});
    } else if (installed != on_disk) {
        return steps.say("extension \"outbox\" is there in version " + installed + ", and the files on the server are of " + on_disk +
                         ": there is no way from one to the other");
    }
    steps.say("extension \"outbox\" is there");
}

} // namespace outbox
