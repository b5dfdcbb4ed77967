#include "config/setting_row.h"

#include <algorithm>
#include <array>

namespace outbox {
namespace {

// " (COMMAND)" for a setting that one command alone takes, where the setting's name does not tell.
std::string only_in(const Setting &setting) {
    switch (setting.commands) {
    case in_run: return " (run)";
    case in_skip: return " (skip)";
    case in_setup: return " (setup)";
    case in_health: return " (health)";
    case in_config: return " (config show)";
    case in_doctor: return " (doctor)";
    case in_version: return " (version)";
    case in_status: return " (status)";
    case in_dead_letters: return " (dead-letters)";
    case in_drain: return " (drain)";
    case in_tail: return " (tail)";
    default: return "";
    }
}

constexpr auto yes = std::to_array<std::string_view>({"true", "1", "yes", "on"});
constexpr auto no = std::to_array<std::string_view>({"false", "0", "no", "off"});

bool is_among(std::span<const std::string_view> words, const std::string &text) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

} // namespace

std::span<const Setting> settings() {
    static const std::vector<Setting> rows = [] {
        std::vector<Setting> all;
        for (std::span<const Setting> table : {settings_of_connections(), settings_of_delivery(), settings_of_commands()})
            all.insert(all.end(), table.begin(), table.end());
        return all;
    }();
    return rows;
}

Values::Values() {
    for (const Setting &row : settings())
        if (*row.default_text != '\0')
            row.target.assign(*this, row.default_text);
}

std::string flag_of(const Setting &setting) {
    std::string flag = std::string("--") + setting.key;
    return flag == "--property" ? "-X," + flag : flag;
}

std::string variable_of(const Setting &setting) {
    if ((setting.traits & for_once) != 0)
        return "";
    std::string variable = "OUTBOX_";
    for (const char *c = setting.key; *c != '\0'; c++)
        variable += *c == '-' ? '_' : static_cast<char>(toupper(static_cast<unsigned char>(*c)));
    return variable;
}

std::string key_of(const Setting &setting) {
    if ((setting.traits & (for_once | not_in_file)) != 0)
        return "";
    std::string key = setting.key;
    std::replace(key.begin(), key.end(), '-', '_');
    return key;
}

std::string check_text(const Setting &setting, const std::string &text) {
    if (setting.target.toggle != nullptr)
        return is_among(yes, text) || is_among(no, text) ? "" : "expected true or false";
    if (is_blank(text))
        return "expected a value; without one leave it out";
    return setting.target.check == nullptr ? "" : setting.target.check(text);
}

void assign_text(Values &values, const Setting &setting, const std::string &text) {
    if (setting.target.toggle != nullptr)
        values.*setting.target.toggle = is_among(yes, text);
    else
        setting.target.assign(values, text);
}

std::string settings_as_markdown() {
    auto code = [](const std::string &text) { return text.empty() ? " " : " `" + text + "` "; };
    std::string table = "| flag | variable | default | |\n|---|---|---|---|\n";
    for (const Setting &row : settings()) {
        std::string flag = flag_of(row), more = row.more;
        if (size_t comma = flag.find(','); comma != std::string::npos)
            flag.replace(comma, 1, "`, `");
        if ((row.traits & reloadable) != 0)
            more += (more.empty() ? "" : "; ") + std::string("read again with SIGHUP");
        table += "| `" + flag + "`" + only_in(row) + " |" + code(variable_of(row)) + "|" + code(row.default_text) + "| " + row.help +
                 (more.empty() ? "" : "; ") + more + " |\n";
    }
    return table;
}

} // namespace outbox
