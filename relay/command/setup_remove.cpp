#include "command/setup_remove.h"

#include "command/form_dependents.h"
#include "command/hosted_setup.h"
#include "postgres/slot_check.h"

#include <unistd.h>

#include <iostream>

namespace outbox {
namespace {

// True where the slot has an event that is not delivered. A look at the slot decodes up to the first such event.
bool has_undelivered(Server &server, const std::string &slot, bool is_hosted) {
    if (!is_hosted)
        return !server.value("SELECT 1 FROM pg_catalog.pg_logical_slot_peek_changes(" + quote_literal(slot) + ", NULL, 1) LIMIT 1").empty();
    // A message with the prefix of events: the byte M, flags, an LSN, the prefix.
    return !server
                .value("SELECT 1 FROM pg_catalog.pg_logical_slot_peek_binary_changes(" + quote_literal(slot) +
                       ", NULL, NULL, 'proto_version', '1', 'publication_names', 'outbox', 'messages', 'true') WHERE "
                       "pg_catalog.substr(data, 1, 1)"
                       " OPERATOR(pg_catalog.=) 'M' AND pg_catalog.substr(data, 11, 7) OPERATOR(pg_catalog.=) '\\x6f7574626f7800' LIMIT 1")
                .empty();
}

// Removes what setup --plugin pgoutput has created, once emit demands no other slot.
void remove_hosted_form(const Steps &steps, const std::string &slot) {
    Server &server = steps.server();
    std::string others = server.value("SELECT pg_catalog.array_to_string(pg_catalog.array_remove(slots, " + quote_literal(slot) +
                                      "::pg_catalog.name), ', ') FROM outbox.settings");
    if (!others.empty())
        return steps.change(
            "the schema stays, for emit demands other slots: " + others,
            {"UPDATE outbox.settings SET slots = pg_catalog.array_remove(slots, " + quote_literal(slot) + "::pg_catalog.name)"});
    steps.change("dropped schema \"outbox\" and the publication", {"DROP SCHEMA outbox CASCADE", "DROP PUBLICATION IF EXISTS outbox"});
    steps.say("left as they are: roles, the provider's settings, Kafka's topics");
}

// The other slots of the plugin in this database, for which the extension stays.
std::string other_slots(Server &server, const std::string &slot) {
    return server.value("SELECT pg_catalog.string_agg(slot_name, ', ') FROM pg_catalog.pg_replication_slots WHERE plugin "
                        "OPERATOR(pg_catalog.=) 'outbox' AND database OPERATOR(pg_catalog.=) pg_catalog.current_database() AND slot_name "
                        "OPERATOR(pg_catalog.<>) " +
                        quote_literal(slot));
}

// Refuses before the slot is dropped, for a dropped slot does not come back: a role that has REPLICATION alone may drop the slot and
// nothing else.
void require_owner(Server &server) {
    std::string stranger =
        server.value("SELECT current_user FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND NOT "
                     "(pg_catalog.pg_has_role(n.nspowner, 'USAGE') AND COALESCE((SELECT pg_catalog.pg_has_role(e.extowner, 'USAGE') FROM "
                     "pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'outbox'), true))");
    if (!stranger.empty())
        throw Failure(ExitCode::not_prepared, "role \"" + printable(stranger) +
                                                  "\" does not own what setup has created, and nothing was removed: run setup --remove as "
                                                  "its owner or a superuser, or give the output of --dry-run to one");
}

void require_no_dependents(Server &server) {
    std::string dependents = find_dependents(server);
    if (!dependents.empty())
        throw Failure(ExitCode::not_prepared, "these use functions of outbox, and nothing was removed: " + printable(dependents) +
                                                  ". Drop them first: outbox.detach() for attached tables, DROP TRIGGER, DROP VIEW");
}

void ask(const std::string &slot, bool is_hosted) {
    if (isatty(STDIN_FILENO) != 1)
        throw Failure(ExitCode::not_prepared, "setup --remove asks for confirmation at a terminal; without a terminal add --force");
    std::cout << "slot \"" << slot << "\", "
              << (is_hosted ? "schema \"outbox\" and its publication" : "extension \"outbox\" and its schema")
              << " are dropped, and whatever calls outbox.emit() fails from then on. Type the slot's name to go on: " << std::flush;
    std::string answer;
    if (!std::getline(std::cin, answer) || answer != slot)
        throw Failure(ExitCode::not_prepared, "nothing was removed");
}

} // namespace

void remove_outbox(const Steps &steps, const std::string &slot, bool is_forced) {
    Server &server = steps.server();
    std::optional<SlotState> state = look_at_slot(server, slot);
    bool is_hosted = has_hosted_form(server);
    if (state) {
        if (std::optional<Unusable> reason = why_unusable(slot, *state, is_hosted ? "pgoutput" : "outbox"); reason && !state->is_lost)
            throw Failure(reason->code, reason->sentence + ": it is not removed");
        if (!state->holder.empty())
            throw Failure(ExitCode::not_prepared, "slot \"" + slot + "\" is active for PID " + state->holder + ": stop its relay first");
        if (!is_forced && !state->is_lost && !state->is_unfinished && has_undelivered(server, slot, is_hosted))
            throw Failure(
                ExitCode::not_prepared,
                "slot \"" + slot +
                    "\" holds events that are not delivered: run a relay and outbox-relay drain first, or give them up with --force");
    }
    std::string others = other_slots(server, slot);
    if (is_hosted || others.empty())
        require_no_dependents(server);
    if (!steps.dry_run() && (is_hosted || others.empty()))
        require_owner(server);
    if (!is_forced && !steps.dry_run())
        ask(slot, is_hosted);
    if (state)
        steps.change("dropped slot \"" + slot + "\"", {"SELECT pg_catalog.pg_drop_replication_slot(" + quote_literal(slot) + ")"});
    else
        steps.say("slot \"" + slot + "\" does not exist");
    if (is_hosted)
        return remove_hosted_form(steps, slot);
    if (!others.empty())
        return steps.say("the extension stays, for the database has other slots of the plugin: " + others);
    if (server.value("SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'outbox'").empty())
        return steps.say("extension \"outbox\" is not installed");
    steps.change("dropped extension \"outbox\" and its schema", {"DROP EXTENSION outbox", "DROP SCHEMA IF EXISTS outbox"});
    steps.say("left as they are: roles, pg_hba.conf, wal_level, output_plugin_libraries, Kafka's topics");
}

} // namespace outbox
