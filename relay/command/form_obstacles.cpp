#include "command/form_obstacles.h"

#include "base/exit_code.h"
#include "command/form_dependents.h"

namespace outbox {
namespace {

constexpr size_t slot_name_max = 63; // NAMEDATALEN - 1

} // namespace

void require_rights(Server &server, bool is_to_hosted) {
    if (is_to_hosted && !server.is_true("SELECT pg_catalog.pg_has_role(CURRENT_USER, e.extowner, 'USAGE') FROM pg_catalog.pg_extension AS e"
                                        " WHERE e.extname OPERATOR(pg_catalog.=) 'outbox'"))
        throw Failure(ExitCode::not_prepared, "the extension \"outbox\" is installed in this database, and another role's. Leave out "
                                              "--plugin to go on with it; run setup as its owner to replace it by emit in SQL");
    if (!is_to_hosted && !server.is_true("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) CURRENT_USER"))
        throw Failure(ExitCode::not_prepared, "this database has emit in SQL, with slots of pgoutput: setup --plugin pgoutput keeps to "
                                              "that. Only a superuser can move it to the extension");
}

void require_names(const std::vector<std::string> &slots, std::string_view copy_suffix, bool is_to_hosted) {
    for (const std::string &slot : slots) {
        if (is_to_hosted && !slot.starts_with("outbox"))
            throw Failure(ExitCode::not_prepared, "slot \"" + slot +
                                                      "\" cannot be moved: of pgoutput a relay reads only slots whose names begin with "
                                                      "\"outbox\". Let its relay deliver everything (outbox-relay drain --slot " +
                                                      slot + "), and drop the slot: " + "SELECT pg_catalog.pg_drop_replication_slot(" +
                                                      quote_literal(slot) + ")");
        if (slot.size() + copy_suffix.size() > slot_name_max)
            throw Failure(ExitCode::not_prepared, "slot \"" + slot + "\" cannot be moved: for a copy its name is too long by " +
                                                      std::to_string(slot.size() + copy_suffix.size() - slot_name_max) + " characters");
    }
}

void require_nothing_depends(Server &server) {
    std::string found = find_dependents(server);
    if (!found.empty())
        throw Failure(ExitCode::not_prepared,
                      printable(found) + " uses a function that the other form replaces: drop what uses it (outbox.detach(), DROP VIEW, "
                                         "DROP TRIGGER), run setup again, and create it again where the other form has it");
}

void require_callers_may_write(Server &server) {
    std::string roles = callers_who_may_not_write(server);
    if (!roles.empty())
        throw Failure(ExitCode::not_prepared,
                      "emit in SQL writes as its caller, and these roles may emit, but not call "
                      "pg_logical_emit_message(): " +
                          printable(roles) + ". Let them: GRANT EXECUTE ON FUNCTION pg_logical_emit_message" +
                          (server.version() >= 170000 ? "(boolean, text, bytea, boolean) TO ..." : "(boolean, text, bytea) TO ..."));
}

} // namespace outbox
