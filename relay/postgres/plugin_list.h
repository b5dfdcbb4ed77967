// The server's setting output_plugin_libraries: a list of identifiers, as in search_path. Pure. Tested by test/unit/plugin_list_test.cpp.
//
// The whole list in one pair of quotes, which is how most other settings are written, is one name with commas in it: the server takes it
// without a word and then allows no plugin.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// As the server's SplitIdentifierString does: names without quotes in lower case, at most 63 bytes of each. nullopt: not a list.
std::optional<std::vector<std::string>> split_identifiers(std::string_view list);

struct PluginList {
    std::vector<std::string> names; // what the list means to say: names that were quoted together are apart
    bool is_misquoted = false;      // and it does not say so
    bool allows(std::string_view plugin) const;
};

PluginList parse_plugin_list(std::string_view setting);

} // namespace outbox
