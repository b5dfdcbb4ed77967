#include "test/chaos/proxy/commands.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>

namespace proxy {
namespace {

struct Command {
    std::string_view name;
    void (*run)(Link &link, const std::string &argument);
};

long number(const std::string &argument) { return std::atol(argument.c_str()); }

constexpr Command commands[] = {
    {"delay", [](Link &link, const std::string &argument) { link.delay = milliseconds(number(argument)); }},
    {"hold", [](Link &link, const std::string &argument) { link.held_bytes_max = static_cast<size_t>(number(argument)); }},
    {"cut", [](Link &link, const std::string &argument) { link.bytes_to_cut = std::max(1L, number(argument)); }},
    {"silence",
     [](Link &link, const std::string &argument) {
         link.silent_up = argument != "down";
         link.silent_down = argument != "up";
     }},
    {"reset", [](Link &link, const std::string &) { link.reset_all(); }},
    {"forget", [](Link &link, const std::string &) { link.forget_all(); }},
    {"refuse", [](Link &link, const std::string &) { link.refuses = true; }},
    {"target", [](Link &link, const std::string &argument) { link.target_port = static_cast<int>(number(argument)); }},
    {"heal", [](Link &link, const std::string &) { link.heal(); }},
};

} // namespace

bool obey(std::map<std::string, Link> &links, const std::string &line) {
    std::istringstream words(line);
    std::string name, command, argument;
    words >> name >> command >> argument;
    const auto link = links.find(name);
    const auto *const known =
        std::find_if(std::begin(commands), std::end(commands), [&](const Command &each) { return each.name == command; });
    if (link == links.end() || known == std::end(commands))
        return false;
    known->run(link->second, argument);
    return true;
}

} // namespace proxy
