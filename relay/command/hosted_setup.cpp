#include "command/hosted_setup.h"

#include "base/exit_code.h"
#include "command/hosted_sql.h"

namespace outbox {

bool has_hosted_form(Server &server) {
    return server.value("SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'outbox'").empty() &&
           server.is_true("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid"
                          " OPERATOR(pg_catalog.=) c.relnamespace WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND c.relname"
                          " OPERATOR(pg_catalog.=) 'settings' AND c.relkind OPERATOR(pg_catalog.=) 'r')");
}

void require_publication_for(Server &server, const std::string &slot) {
    bool is_made_now = !has_hosted_form(server) &&
                       server.value("SELECT 1 FROM pg_catalog.pg_publication WHERE pubname OPERATOR(pg_catalog.=) 'outbox'").empty();
    if (is_made_now)
        throw Failure(ExitCode::not_prepared,
                      "slot \"" + slot +
                          "\" is older than the publication \"outbox\", which setup has to create: pgoutput could not decode rows from "
                          "before, and the relay would stay there. Where nobody reads the slot, drop it: SELECT "
                          "pg_drop_replication_slot(" +
                          quote_literal(slot) +
                          "); and run setup again, which creates both. Where Patroni keeps the slot, take the slot out of Patroni's "
                          "configuration until setup has run");
}

void install_hosted_form(const Steps &steps, const std::string &slot) {
    Server &server = steps.server();
    if (!slot.starts_with("outbox"))
        throw Failure(ExitCode::usage,
                      "--slot: expected a name that begins with \"outbox\": a relay reads no other slot of pgoutput, which "
                      "could be a subscription's");
    auto found = server.rows("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid"
                             " AND c.relname OPERATOR(pg_catalog.=) 'settings'), pg_catalog.pg_get_userbyid(n.nspowner),"
                             " n.nspowner OPERATOR(pg_catalog.=) (SELECT r.oid FROM pg_catalog.pg_roles AS r"
                             " WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER)"
                             " FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox'");
    if (found.empty())
        return steps.change("created schema \"outbox\" with emit in SQL, and the empty publication \"outbox\"",
                            {"BEGIN;\n" + hosted_form_sql() + "COMMIT"});
    if (found[0][0] != "t")
        throw Failure(ExitCode::not_prepared,
                      "schema \"outbox\" is there and holds something else. Rename it (ALTER SCHEMA outbox RENAME TO "
                      "...), or drop it where nothing in it is needed (DROP SCHEMA outbox). Then run setup again");
    if (found[0][2] != "t")
        throw Failure(ExitCode::not_prepared,
                      "schema \"outbox\" belongs to role \"" + printable(found[0][1]) + "\"; run setup as that role");
    steps.say("schema \"outbox\" is there, with emit in SQL");
}

void name_slot_to_emit(const Steps &steps, const std::string &slot) {
    std::string name = quote_literal(slot) + "::pg_catalog.name";
    if (!steps.dry_run() && steps.server().is_true("SELECT " + name + " OPERATOR(pg_catalog.=) ANY (slots) FROM outbox.settings"))
        return steps.say("emit demands slot \"" + slot + "\"");
    steps.change("emit demands slot \"" + slot + "\" from now on (outbox.settings)",
                 {"UPDATE outbox.settings SET slots = pg_catalog.array_append(slots, " + name + ")"});
}

} // namespace outbox
