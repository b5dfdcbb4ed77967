#include "config/command_line.h"

#include "base/exit_code.h"
#include "base/nearest.h"
#include "config/values.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>

namespace outbox {
namespace {

[[noreturn]] void refuse(const std::string &what) { throw Failure(ExitCode::usage, what.substr(0, what.find('\n'))); }

std::string help_of(const Setting &row) {
    std::string help = row.help, variable = variable_of(row);
    if (*row.default_text != '\0')
        help += std::string(" [") + row.default_text + "]";
    return variable.empty() ? help : help + " (" + variable + ")";
}

void add_option(CLI::App &app, const Setting &row, bool is_required) {
    if (row.target.toggle != nullptr) {
        app.add_flag(flag_of(row))->description(help_of(row));
        return;
    }
    CLI::Option *option = app.add_option(
        flag_of(row), [](const std::vector<std::string> &) { return true; }, help_of(row));
    option->type_name("TEXT")->required(is_required);
    if ((row.traits & list) != 0)
        option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false)->take_all();
}

template <class App>
App *command_of(App &app, std::string_view name) {
    auto all = app.get_subcommands([&](const CLI::App *each) { return each->get_name() == name; });
    return all.empty() ? nullptr : all.front();
}

// Adds a command to CLI11. "config show" becomes the command "show" of the command "config".
CLI::App *add_command(CLI::App &app, const CommandName &command) {
    size_t blank = command.name.find(' ');
    if (blank == std::string::npos)
        return app.add_subcommand(command.name, command.help);
    std::string group = command.name.substr(0, blank);
    CLI::App *parent = command_of(app, group);
    if (parent == nullptr)
        parent = app.add_subcommand(group, command.help)->require_subcommand(1);
    else
        parent->description(parent->get_description() + "; " + command.help);
    return parent->add_subcommand(command.name.substr(blank + 1), command.help);
}

std::vector<Given> given_by(const CLI::App &app) {
    std::vector<Given> given;
    for (const Setting &row : settings()) {
        std::string flag = std::string("--") + row.key;
        const CLI::Option *option = app.get_option_no_throw(flag);
        if (option == nullptr || option->count() == 0)
            continue;
        for (const std::string &text : option->results())
            given.push_back({&row, text, flag});
    }
    return given;
}

std::vector<std::string> names_below(const CLI::App &app) {
    std::vector<std::string> names;
    for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; }))
        names.push_back(command->get_name());
    return names;
}

std::string one_of(const std::vector<std::string> &names) {
    std::string text;
    for (const std::string &name : names)
        text += (text.empty() ? "" : name == names.back() ? " or " : ", ") + name;
    return text;
}

std::string unknown_command(const std::string &given, const std::vector<std::string> &names) {
    return fmt::format("unknown command \"{}\", the nearest is {}; ", printable(given), nearest(given, names));
}

[[noreturn]] void refuse_words(const CLI::App &app) {
    refuse(
        fmt::format("{} takes options only, each beginning with --; \"outbox-relay help {}\" prints them", app.get_name(), app.get_name()));
}

// Refuses a missing or unknown command: the first argument that is no flag's value.
[[noreturn]] void refuse_command(const CLI::App &app, int argc, char **argv) {
    const CLI::App *group = &app;
    int at = 1;
    for (; at < argc && command_of(*group, argv[at]) != nullptr; at++)
        group = command_of(*group, argv[at]);
    std::vector<std::string> names = names_below(*group);
    if (names.empty())
        refuse_words(*group);
    std::string given;
    if (at < argc && argv[at][0] != '-')
        given = unknown_command(argv[at], names);
    refuse(given + "expected " + one_of(names));
}

// "help rum" has no help to print. A command has at most two words.
void refuse_help_for_unknown(const CLI::App &app, const std::vector<std::string> &arguments) {
    const CLI::App *group = &app;
    for (size_t at = 1; at < arguments.size() && !arguments[at].starts_with('-'); at++) {
        const CLI::App *command = command_of(*group, arguments[at]);
        std::vector<std::string> names = names_below(*group);
        if (command == nullptr && names.empty())
            refuse("\"" + group->get_name() + "\" has no further commands; expected nothing behind that name");
        if (command == nullptr)
            refuse(unknown_command(arguments[at], names) + "expected " + one_of(names));
        group = command;
    }
}

// The arguments for CLI11: "help run" becomes "run --help", and a flag such as "--slot=" is refused, since CLI11 takes "--takeover=" for a
// flag without a value.
std::vector<std::string> arguments_of(const CLI::App &app, int argc, char **argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (const std::string &argument : arguments)
        if (argument.starts_with("--") && argument.ends_with('='))
            refuse(argument.substr(0, argument.size() - 1) + ": expected a value; without one leave the flag out");
    if (arguments == std::vector<std::string>{"help", "--markdown"}) { // writes the table of docs/relay.md
        std::cout << settings_as_markdown();
        exit(0);
    }
    if (!arguments.empty() && arguments[0] == "help") {
        refuse_help_for_unknown(app, arguments);
        arguments.erase(arguments.begin());
        arguments.push_back("--help");
    }
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes the arguments in reverse
    return arguments;
}

// Refuses leftover arguments. One of them may be a value, so the message names a flag only.
[[noreturn]] void refuse_extras(const CLI::App &app) {
    std::vector<std::string> flags = {"--help"};
    for (const CLI::Option *option : app.get_options())
        for (const std::string &name : option->get_lnames())
            flags.push_back("--" + name);
    for (const std::string &extra : app.remaining())
        if (std::string flag = extra.substr(0, extra.find('=')); flag.starts_with("--") && flag.size() > 2)
            refuse(fmt::format("{} is no option of {}; the nearest that is: {}", printable(flag), app.get_name(), nearest(flag, flags)));
    refuse_words(app);
}

} // namespace

CommandLine parse_command_line(int argc, char **argv, const std::vector<CommandName> &commands) {
    CLI::App app("Streams the events of PostgreSQL's outbox extension to Kafka.", "outbox-relay");
    app.set_version_flag("--version", "outbox-relay " OUTBOX_VERSION);
    app.require_subcommand(1);
    std::vector<CLI::App *> apps;
    for (const CommandName &command : commands) {
        CLI::App *each = apps.emplace_back(add_command(app, command));
        each->allow_extras();
        for (const Setting &row : settings())
            if ((row.commands & command.takes) != 0)
                add_option(*each, row, (row.traits & required) != 0);
    }
    app.add_subcommand("help", "print this help, or the options of a command");
    try {
        app.parse(arguments_of(app, argc, argv));
    } catch (const CLI::Success &asked) { // --help, --version
        exit(app.exit(asked));
    } catch (const CLI::RequiredError &error) {
        if (std::any_of(apps.begin(), apps.end(), [](const CLI::App *each) { return each->parsed(); }))
            refuse(error.what());
        refuse_command(app, argc, argv);
    } catch (const CLI::ExtrasError &) {
        refuse_command(app, argc, argv);
    } catch (const CLI::ParseError &error) {
        refuse(error.what());
    }
    size_t parsed = 0;
    while (parsed < apps.size() && !apps[parsed]->parsed())
        parsed++;
    if (parsed == apps.size()) // "help" names every command
        refuse_command(app, argc, argv);
    if (!apps[parsed]->remaining().empty())
        refuse_extras(*apps[parsed]);
    return {parsed, given_by(*apps[parsed])};
}

} // namespace outbox
