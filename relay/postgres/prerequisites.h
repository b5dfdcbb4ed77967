// What a server needs before a relay can read from it, in the words that setup and doctor share: each lack with the statements that mend
// it. Tested by test/t/013_setup.t and test/t/140_doctor_postgres.t.
#pragma once

#include "postgres/plugin_list.h"
#include "postgres/server.h"

#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct Lack {
    std::string sentence;
    std::vector<std::string> statements; // a superuser's, without ";"
};

constexpr const char *standby_text = "the server is a standby; connect to the primary";
constexpr const char *misquoted_text =
    "output_plugin_libraries has several names in one pair of quotes, which the server takes for one name";

// The statement takes effect with a restart of the server.
std::optional<Lack> wal_level_lack(Server &server);

// Servers since August 2026 start only those output plugins that output_plugin_libraries names. Older ones do not know the setting.
struct PluginPermission {
    bool is_needed = false; // otherwise the server has no such setting, or this role may not read it
    bool is_hidden = false;
    bool is_misquoted = false;
    std::optional<Lack> lack;
};
PluginPermission look_at_plugin_permission(Server &server);

} // namespace outbox
