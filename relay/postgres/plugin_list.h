// The server's setting output_plugin_libraries: a list of identifiers, as search_path is. Pure. Tested by test/unit/plugin_list_test.cpp.
//
// A whole list in one pair of quotes, as most other settings are written, is one name with commas in it: the server accepts such a list
// without a warning, and then allows no plugin.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// Splits a list by the rules of the server's SplitIdentifierString(): names without quotes in lower case, at most 63 bytes of each.
// nullopt: the text is no list.
std::optional<std::vector<std::string>> split_identifiers(std::string_view list);

struct PluginList {
    std::vector<std::string> names; // the names that the operator means: names that were quoted together are apart
    bool is_misquoted = false;      // several names were quoted together
    bool allows(std::string_view plugin) const;
};

PluginList parse_plugin_list(std::string_view setting);

} // namespace outbox
