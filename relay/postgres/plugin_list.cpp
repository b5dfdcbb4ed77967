#include "postgres/plugin_list.h"

#include <algorithm>
#include <cctype>

namespace outbox {
namespace {

constexpr size_t name_bytes_max = 63; // NAMEDATALEN - 1

bool is_space(char c) { return std::string_view(" \t\n\r\f\v").find(c) != std::string_view::npos; }

void skip_spaces(std::string_view &text) {
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
}

// Takes a quoted name off the text's front; a doubled quote stands for a quote.
std::optional<std::string> take_quoted(std::string_view &text) {
    std::string name;
    for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
        if (text.front() == '"') {
            text.remove_prefix(1);
            if (!text.starts_with('"'))
                return name;
        }
        name += text.front();
    }
    return std::nullopt;
}

std::optional<std::string> take_plain(std::string_view &text) {
    std::string name;
    for (; !text.empty() && text.front() != ',' && !is_space(text.front()); text.remove_prefix(1))
        name += static_cast<char>(tolower(static_cast<unsigned char>(text.front())));
    return name.empty() ? std::nullopt : std::optional(name);
}

// Cuts the name to name_bytes_max bytes, without half a character at the end.
void truncate(std::string &name) {
    size_t size = std::min(name.size(), name_bytes_max);
    while (size < name.size() && size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0) == 0x80)
        size--;
    name.resize(size);
}

// Appends every piece between commas, without the spaces and quotes around the piece.
void append_pieces(std::string_view text, std::vector<std::string> &names) {
    constexpr std::string_view around = " \t\n\r\f\v\"";
    while (!text.empty()) {
        size_t comma = std::min(text.find(','), text.size());
        std::string_view piece = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        size_t first = piece.find_first_not_of(around), last = piece.find_last_not_of(around);
        if (first != std::string_view::npos)
            names.emplace_back(piece.substr(first, last - first + 1));
    }
}

} // namespace

std::optional<std::vector<std::string>> split_identifiers(std::string_view list) {
    std::vector<std::string> names;
    skip_spaces(list);
    if (list.empty())
        return names;
    while (true) {
        std::optional<std::string> name = list.starts_with('"') ? take_quoted(list) : take_plain(list);
        if (!name)
            return std::nullopt;
        truncate(*name);
        names.push_back(*name);
        skip_spaces(list);
        if (list.empty())
            return names;
        if (list.front() != ',')
            return std::nullopt;
        list.remove_prefix(1);
        skip_spaces(list);
    }
}

bool PluginList::allows(std::string_view plugin) const {
    return !is_misquoted && std::find(names.begin(), names.end(), plugin) != names.end();
}

PluginList parse_plugin_list(std::string_view setting) {
    PluginList list;
    std::optional<std::vector<std::string>> names = split_identifiers(setting);
    auto has_comma = [](const std::string &name) { return name.find(',') != std::string::npos; };
    list.is_misquoted = !names || std::any_of(names->begin(), names->end(), has_comma);
    if (!names)
        append_pieces(setting, list.names);
    else
        for (const std::string &name : *names)
            has_comma(name) ? append_pieces(name, list.names) : list.names.push_back(name);
    return list;
}

} // namespace outbox
