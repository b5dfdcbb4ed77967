#include "config/variables.h"

#include "base/exit_code.h"
#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace outbox {
void check_variables(const std::vector<std::string> &known) {
    for (char **each = environ; *each != nullptr; each++) {
        std::string_view entry = *each, name = entry.substr(0, entry.find('='));
        if (!name.starts_with("OUTBOX_") || name.size() == entry.size())
            continue;
        std::string_view value = entry.substr(name.size() + 1);
        bool is_known = std::find(known.begin(), known.end(), name) != known.end();
        if (is_known && is_blank(value))
            throw Failure(ExitCode::usage, fmt::format("{} is blank: give it a value, or take it away", name));
        if (!is_known && !is_service_link(name, value))
            throw Failure(ExitCode::usage,
                          fmt::format("{} is no variable of outbox-relay; the nearest that is: {}", printable(name), nearest(name, known)));
    }
}

void read_variable(CLI::Option &option, const std::string &variable) {
    const char *value = variable.empty() ? nullptr : getenv(variable.c_str());
    if (value == nullptr || option.count() > 0)
        return;
    std::istringstream lines(value);
    if (option.get_items_expected_max() == 1)
        option.add_result(value);
    else // one a line
        for (std::string line; std::getline(lines, line);)
            if (!is_blank(line))
                option.add_result(line);
    try {
        option.run_callback();
    } catch (const CLI::ParseError &error) {
        std::string words = error.what(), name = option.get_name();
        throw Failure(ExitCode::usage, variable + (words.starts_with(name) ? words.substr(name.size()) : ": " + words));
    }
}

} // namespace outbox
