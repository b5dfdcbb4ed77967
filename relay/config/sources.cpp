#include "config/sources.h"

#include "base/exit_code.h"
#include "base/nearest.h"
#include "config/values.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace outbox {
namespace {

std::vector<std::string> known_variables() {
    std::vector<std::string> known;
    for (const Setting &row : settings())
        if (std::string variable = variable_of(row); !variable.empty())
            known.push_back(variable);
    return known;
}

} // namespace

// Throws for an OUTBOX_… variable without a setting: a mistyped variable must not look like the setting's default.
void check_variables() {
    std::vector<std::string> known = known_variables();
    for (char **each = environ; *each != nullptr; each++) {
        std::string_view entry = *each, name = entry.substr(0, entry.find('='));
        if (!name.starts_with("OUTBOX_") || name.size() == entry.size())
            continue;
        std::string_view value = entry.substr(name.size() + 1);
        bool is_known = std::find(known.begin(), known.end(), name) != known.end();
        if (is_known && is_blank(value))
            throw Failure(ExitCode::usage, fmt::format("{} is blank: give it a value, or leave it out", name));
        if (!is_known && !is_service_link(name, value))
            throw Failure(ExitCode::usage,
                          fmt::format("{} is no variable of outbox-relay; the nearest that is: {}", printable(name), nearest(name, known)));
    }
}

std::vector<Given> read_variables(unsigned commands) {
    std::vector<Given> given;
    for (const Setting &row : settings()) {
        std::string variable = variable_of(row);
        const char *value = variable.empty() || (row.commands & commands) == 0 ? nullptr : getenv(variable.c_str());
        if (value == nullptr)
            continue;
        std::istringstream lines(value);
        if ((row.traits & list) == 0)
            given.push_back({&row, value, variable});
        else // a list's variable has one value a line
            for (std::string line; std::getline(lines, line);)
                if (!is_blank(line))
                    given.push_back({&row, line, variable});
    }
    return given;
}

void check_given(const std::vector<Given> &given) {
    for (const auto &[setting, text, origin] : given)
        if (std::string reason = check_text(*setting, text); !reason.empty())
            throw Failure(ExitCode::usage, origin + ": " + reason);
}

Effective::Effective() {
    for (const Setting &row : settings())
        if (*row.default_text != '\0')
            given_[&row] = {{&row, row.default_text, "default"}};
}

void Effective::take(const std::vector<Given> &source) {
    for (const Given &each : source)
        given_[each.setting].clear();
    for (const Given &each : source)
        given_[each.setting].push_back(each);
}

Values Effective::values() const {
    Values values;
    for (const auto &[setting, given] : given_)
        for (const Given &each : given)
            assign_text(values, *setting, each.text);
    for (const auto &[property, origin] : kafka_)
        values.kafka.push_back(property);
    return values;
}

const std::vector<Given> &Effective::of(const Setting &setting) const {
    static const std::vector<Given> none;
    auto found = given_.find(&setting);
    return found == given_.end() ? none : found->second;
}

} // namespace outbox
