#include "command/doctor/surroundings.h"

#include "base/log.h"

namespace outbox {
namespace {

constexpr const char *settings_sql = "SELECT EXISTS (SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                                     " WHERE n.nspname = 'outbox' AND c.relname = 'settings')";

// ---- the checks whose answer depends on the form

Finding plugin_allowed(Consultation &) { return ok("every server allows pgoutput"); }

Finding plugin_starts(Consultation &) { throw Skipped("pgoutput is the server's own plugin"); }

Finding sql_form(Consultation &doctor) {
    Server &server = doctor.server();
    if (!server.is_true(settings_sql))
        return fail("database \"" + printable(doctor.database()) + "\" has no emit: nobody can call outbox.emit()", {doctor.setup_line()});
    if (server.value("SELECT 1 FROM pg_publication WHERE pubname = 'outbox'").empty())
        return fail("the publication \"outbox\" is missing, which pgoutput cannot do without",
                    {"SELECT pg_drop_replication_slot(" + quote_literal(doctor.command().slot) + ");", doctor.setup_line()},
                    "a slot from before the publication cannot be read: what it has not delivered is lost");
    return ok("emit in SQL is there, with its publication");
}

Finding slot(Consultation &doctor) {
    const std::string &name = doctor.command().slot;
    std::optional<SlotState> state = doctor.slot();
    if (!state)
        return fail("slot \"" + name + "\" does not exist: no event is kept for the relay", {doctor.setup_line()});
    if (std::optional<Unusable> reason = why_unusable(name, *state, "pgoutput"))
        return fail(reason->sentence, reason->statement.empty() ? std::vector{doctor.setup_line(name.substr(0, 61) + "_2")}
                                                                : std::vector{reason->statement + ";", doctor.setup_line()});
    if (state->is_unfinished)
        return fail(unfinished_text(name, look_at_making(doctor.server(), state->holder)));
    if (!name.starts_with("outbox"))
        return fail("slot \"" + name + "\" is of pgoutput, of which a relay reads only slots whose names begin with \"outbox\"",
                    {doctor.setup_line("outbox_" + name.substr(0, 56))}, "give the relay the same --slot");
    return ok("slot \"" + name + "\" is there, of plugin \"pgoutput\" and this database");
}

void require_schema(Consultation &doctor) {
    Server &server = doctor.server();
    if (!server.is_true(settings_sql))
        throw Skipped("database \"" + printable(doctor.database()) + "\" has no emit");
    if (!server.is_true("SELECT has_schema_privilege('outbox', 'USAGE')"))
        throw Skipped("role " + printable(doctor.role()) + " may not look into schema \"outbox\"",
                      {"GRANT USAGE ON SCHEMA outbox TO " + server.value("SELECT quote_ident(current_user)") + ";"});
}

Finding emit_accepts(Consultation &doctor) {
    require_schema(doctor);
    auto row = doctor.server().rows("SELECT f.message, f.detail FROM outbox.settings AS s, outbox.broken_slot(s) AS f").at(0);
    if (row[0].empty())
        return ok("emit() accepts events");
    return fail("emit() refuses events: " + printable(row[0]) + ". " + printable(row[1]), {doctor.setup_line()},
                "or take the slot's name out of outbox.settings, where nobody needs it");
}

Finding missing_slot(Consultation &doctor) {
    require_schema(doctor);
    std::string value = doctor.server().value("SELECT missing_slot FROM outbox.settings");
    if (value == "error")
        return ok("emit() lets no event go missing (outbox.settings)");
    return warn("missing_slot is \"" + printable(value) +
                    "\" in outbox.settings: a transaction commits without its event where no slot can deliver it",
                {"UPDATE outbox.settings SET missing_slot = 'error';"});
}

Finding forgers(Consultation &) {
    throw Skipped("emit in SQL writes as its caller: who may emit may call pg_logical_emit_message(), too; the relay rejects what emit "
                  "would not have written");
}

// The role that has run setup owns the schema, and is trusted with emit.
Finding schema(Consultation &doctor) {
    if (!doctor.server().is_true(settings_sql))
        throw Skipped("database \"" + printable(doctor.database()) + "\" has no emit");
    std::string stranger = doctor.server().value(
        "SELECT f.oid::regprocedure FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace WHERE n.nspname = 'outbox'"
        " AND f.proowner <> n.nspowner ORDER BY 1 LIMIT 1");
    if (!stranger.empty())
        return fail("function " + printable(stranger) + " is another role's than the schema's, and could run as whoever emits", {},
                    "look at the function, then drop it");
    return ok("schema \"outbox\" and what is in it belong to one role: \"" +
              printable(doctor.server().value("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'outbox'")) + "\"");
}

constexpr Check counterparts[] = {
    {"plugin-allowed", plugin_allowed},
    {"extension", sql_form},
    {"plugin-starts", plugin_starts},
    {"slot", slot},
    {"emit-accepts", emit_accepts},
    {"missing-slot-setting", missing_slot},
    {"forgers", forgers},
    {"schema", schema},
};

} // namespace

void Surroundings::look() {
    Server &server = doctor_.server();
    for (const PlatformRole &known : platform_roles)
        if (platform_ == Platform::none && !server.value("SELECT 1 FROM pg_roles WHERE rolname = " + quote_literal(known.role)).empty())
            platform_ = known.platform;
    if (platform_ == Platform::rds && !server.value("SELECT 1 FROM pg_proc WHERE proname = 'aurora_version'").empty())
        platform_ = Platform::aurora;
    std::optional<SlotState> slot = doctor_.slot();
    bool has_extension = !server.value("SELECT 1 FROM pg_extension WHERE extname = 'outbox'").empty();
    is_hosted_ = !has_extension && (server.is_true(settings_sql) || (slot && slot->plugin == "pgoutput") || platform_ != Platform::none);
    is_known_ = true;
    if (is_hosted_)
        doctor_.note_hosted();
}

Finding Surroundings::run(const Check &check) {
    std::string_view name = check.name;
    if (!is_known_ && name != "connection" && name != "primary")
        look();
    auto run = check.run;
    for (const Check &counterpart : counterparts)
        if (is_hosted_ && counterpart.name == name)
            run = counterpart.run;
    Finding finding = run(doctor_);
    put_in_words_of(platform_, finding);
    if (name == "version" && platform_ != Platform::none)
        finding.sentence += std::string("; the provider is ") + name_of(platform_);
    return finding;
}

} // namespace outbox
