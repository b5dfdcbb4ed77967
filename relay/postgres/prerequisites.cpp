#include "postgres/prerequisites.h"

namespace outbox {
namespace {

constexpr const char *list_sql = "SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'output_plugin_libraries'";

// True where the server has the setting, and this role may not read it. SHOW would write an error into the log of a server without the
// setting.
bool setting_is_hidden(Server &server) {
    try {
        server.query("SELECT pg_catalog.current_setting('output_plugin_libraries', true)");
    } catch (const QueryRefused &refused) {
        return refused.sqlstate() == "42501";
    }
    return false;
}

// The statement that allows the plugins of the list, and "outbox".
std::string allowing_statement(const PluginList &list) {
    std::string names;
    bool is_named = false;
    for (const std::string &plugin : list.names) {
        names += (names.empty() ? "" : ", ") + quote_literal(plugin);
        is_named |= plugin == "outbox";
    }
    if (!is_named)
        names += (names.empty() ? "" : ", ") + std::string("'outbox'");
    return "ALTER SYSTEM SET output_plugin_libraries = " + names;
}

} // namespace

std::optional<Lack> wal_level_lack(Server &server) {
    std::string level = server.value("SHOW wal_level");
    if (level == "logical" || (server.version() >= 190000 && level == "replica"))
        return std::nullopt;
    return Lack{"wal_level is \"" + level + "\" and must be \"logical\"", {"ALTER SYSTEM SET wal_level = logical"}};
}

PluginPermission look_at_plugin_permission(Server &server) {
    PluginPermission permission;
    auto rows = server.rows(list_sql);
    permission.is_needed = !rows.empty();
    if (rows.empty()) {
        permission.is_hidden = setting_is_hidden(server);
        return permission;
    }
    PluginList list = parse_plugin_list(rows[0][0]);
    permission.is_misquoted = list.is_misquoted;
    if (!list.allows("outbox"))
        permission.lack = Lack{list.is_misquoted ? misquoted_text
                                                 : "output_plugin_libraries does not name \"outbox\": the server does not start the plugin",
                               {allowing_statement(list), "SELECT pg_catalog.pg_reload_conf()"}};
    return permission;
}

} // namespace outbox
