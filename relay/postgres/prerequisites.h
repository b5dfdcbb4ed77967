// A server's prerequisites for a relay, in the words that setup and doctor share: each lack with the statements that mend it. Tested by
// test/t/013_setup.t and test/t/140_doctor_postgres.t.
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

// The lack's statement takes effect with a restart of the server.
std::optional<Lack> wal_level_lack(Server &server);

// Servers since August 2026 load only those output plugins that output_plugin_libraries names. Older servers do not have the setting.
struct PluginPermission {
    bool is_needed = false; // false: the server has no such setting, or this role may not read the setting
    bool is_hidden = false;
    bool is_misquoted = false;
    std::optional<Lack> lack;
};
PluginPermission look_at_plugin_permission(Server &server);

} // namespace outbox
