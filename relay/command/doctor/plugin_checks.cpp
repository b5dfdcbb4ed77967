// The checks of the extension and its plugin on the server, and whether the server starts the plugin.
#include "base/log.h"
#include "command/doctor/consultation.h"
#include "postgres/extension_check.h"
#include "postgres/prerequisites.h"

namespace outbox {
namespace {

std::vector<std::string> pasted(const std::vector<std::string> &statements) {
    std::vector<std::string> lines;
    lines.reserve(statements.size());
    for (const std::string &statement : statements)
        lines.push_back(statement + ";");
    return lines;
}

Finding plugin_allowed(Consultation &doctor) {
    PluginPermission permission = look_at_plugin_permission(doctor.server());
    if (permission.is_hidden)
        throw Skipped("this role may not read output_plugin_libraries",
                      {"GRANT pg_read_all_settings TO " + doctor.server().value("SELECT quote_ident(current_user)") + ";"});
    if (!permission.is_needed)
        return ok("this server needs no permission for the plugin");
    if (!permission.lack)
        return ok("plugin \"outbox\" is allowed (output_plugin_libraries)");
    return fail(permission.lack->sentence, pasted(permission.lack->statements));
}

Finding plugin_missing(const std::string &said) {
    return fail(said + ": " + files_missing_text, {"sudo make install"}, "in the source directory of outbox, on the database server");
}

// The check looks at the slot, for which the server starts the plugin. Up to the confirmed position the server decodes nothing that it has
// not decoded before.
Finding plugin_starts(Consultation &doctor) {
    std::optional<SlotState> slot = doctor.slot();
    if (!slot || slot->plugin != "outbox" || !slot->is_of_this_database || slot->is_unfinished || slot->is_lost)
        throw Skipped("the plugin starts only for a slot that can be read; see slot");
    if (!slot->holder.empty())
        return ok("the plugin runs, for PID " + slot->holder);
    std::string name = quote_literal(doctor.command().slot);
    try {
        doctor.server().query("SELECT 1 FROM pg_logical_slot_peek_changes(" + name +
                              ", (SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = " + name + "), 1)");
    } catch (const QueryRefused &refused) {
        const std::string &state = refused.sqlstate();
        std::string said = refused.what();
        if (state == "58P01") // undefined_file
            return plugin_missing("the server cannot load the plugin");
        if (state == "42501" && said.find("output plugin") != std::string::npos)
            return fail("the server does not start the plugin; see plugin-allowed");
        // the statement's time was over while the server decoded; or a relay has taken the slot meanwhile
        if (state != "57014" && state != "55006")
            throw;
    }
    return ok("the server starts the plugin");
}

Finding extension(Consultation &doctor) {
    auto row = doctor.server()
                   .rows("SELECT (SELECT default_version FROM pg_available_extensions WHERE name = 'outbox'),"
                         " (SELECT extversion FROM pg_extension WHERE extname = 'outbox')")
                   .at(0);
    const std::string &on_disk = row[0], &installed = row[1];
    if (on_disk.empty())
        return plugin_missing("extension \"outbox\" cannot be created");
    if (installed.empty())
        return fail("extension \"outbox\" is not installed in database \"" + printable(doctor.database()) +
                        "\": nobody can call outbox.emit()",
                    {"CREATE EXTENSION outbox;"});
    if (installed != on_disk)
        return warn("extension \"outbox\" is of version " + installed + ", and its files on the server are of " + on_disk,
                    {"ALTER EXTENSION outbox UPDATE;"});
    return ok("extension \"outbox\" is there, version " + installed);
}

constexpr Check checks[] = {
    {"plugin-allowed", plugin_allowed},
    {"extension", extension},
    {"plugin-starts", plugin_starts},
};

} // namespace

std::span<const Check> plugin_checks() { return checks; }

} // namespace outbox
