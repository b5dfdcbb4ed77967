#include "config/toml.h"

#include "config/values.h"

#include <algorithm>

namespace outbox {
namespace {

// toml++'s words without what is in quotes, which may be a part of a password. Single marks of TOML's syntax stay.
std::string without_values(std::string_view words) {
    std::string out;
    for (size_t at = 0; at < words.size();) {
        size_t open = words.find('\'', at), close = open == std::string_view::npos ? open : words.find('\'', open + 2);
        if (close == std::string_view::npos)
            return out + std::string(words.substr(at, open - at));
        std::string_view quoted = words.substr(open + 1, close - open - 1);
        bool is_mark = quoted.size() == 1 && quoted.find_first_of("=[]{},.\"'#") == 0;
        out += std::string(words.substr(at, open - at)) + "'" + (is_mark ? std::string(quoted) : "…") + "'";
        at = close + 1;
    }
    return out;
}

} // namespace

toml::table parse_toml(std::string_view text, const std::string &name) {
    try {
        return toml::parse(text, name);
    } catch (const toml::parse_error &error) {
        std::string words(error.description());
        std::replace(words.begin(), words.end(), '\n', ' ');
        throw std::invalid_argument(name + ":" + std::to_string(error.source().begin.line) + ": this is no TOML: " + without_values(words));
    } catch (const Malformed &error) {
        throw std::invalid_argument(name + ": " + error.what());
    }
}

std::vector<std::pair<std::string_view, const toml::node *>> in_order(const toml::table &table) {
    std::vector<std::pair<std::string_view, const toml::node *>> entries;
    for (const auto &[key, node] : table)
        entries.emplace_back(key.str(), &node);
    std::stable_sort(entries.begin(), entries.end(), [](auto &a, auto &b) { return a.second->source().begin < b.second->source().begin; });
    return entries;
}

} // namespace outbox
