#include "command/doctor/harmful_setting.h"

#include "base/log.h"
#include "postgres/server.h"

namespace outbox {
namespace {

std::optional<Finding> find_setting_of_role_or_database(Server &server, const HarmfulSetting &harmful) {
    auto rows =
        server.rows("SELECT CASE WHEN d.setrole = 0 THEN 'ALTER DATABASE ' || quote_ident(current_database()) ELSE 'ALTER ROLE ' ||"
                    " quote_ident(pg_get_userbyid(d.setrole)) || CASE WHEN d.setdatabase = 0 THEN '' ELSE ' IN DATABASE ' || "
                    "quote_ident(current_database()) END END,"
                    " c.value FROM pg_db_role_setting AS d, LATERAL unnest(d.setconfig) AS c(value)"
                    " WHERE d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AND c.value ~* " +
                    quote_literal(harmful.pattern) + " ORDER BY 1 LIMIT 1");
    if (rows.empty())
        return std::nullopt;
    std::string value = printable(rows[0][1]);
    return warn(printable(rows[0][0]) + " SET " + value + ": " + harmful.effect,
                {rows[0][0] + " RESET " + value.substr(0, value.find('=')) + ";"});
}

// The value that a session has before it sets one of its own, as the doctor's does. pg_settings shows no setting of a module that the
// session has not loaded.
std::optional<Finding> find_setting_of_server(Server &server, const HarmfulSetting &harmful) {
    auto rows = server.rows("WITH s(name, setting) AS (SELECT name, reset_val FROM pg_settings UNION ALL SELECT name,"
                            " NULLIF(current_setting(name, true), '') FROM unnest('{outbox.capture,outbox.missing_slot}'::text[]) AS name)"
                            " SELECT s.name, s.name || '=' || s.setting FROM s WHERE s.name || '=' || s.setting ~* " +
                            quote_literal(harmful.pattern) + " LIMIT 1");
    if (rows.empty())
        return std::nullopt;
    return warn(printable(rows[0][1]) + " on this server: " + harmful.effect,
                {"ALTER SYSTEM RESET " + rows[0][0] + ";", "SELECT pg_reload_conf();"},
                "or remove " + rows[0][0] + " from postgresql.conf");
}

} // namespace

std::optional<Finding> find_setting(Server &server, const HarmfulSetting &harmful) {
    std::optional<Finding> found = find_setting_of_role_or_database(server, harmful);
    return found ? found : find_setting_of_server(server, harmful);
}

} // namespace outbox
