#include "config/completion.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

namespace outbox {
namespace {

// The settings of a command.
std::vector<const Setting *> settings_of(const CommandName &command) {
    std::vector<const Setting *> rows;
    for (const Setting &row : settings())
        if ((row.commands & command.takes) != 0)
            rows.push_back(&row);
    return rows;
}

std::string long_flag(const Setting &row) { return std::string("--") + row.key; }

std::string joined(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words)
        text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string first_word(const std::string &name) { return name.substr(0, name.find(' ')); }

// The first words of the commands, each once: "config" for "config show" and "config check".
std::vector<std::string> top_words(const std::vector<CommandName> &commands) {
    std::vector<std::string> words;
    for (const CommandName &command : commands)
        if (std::string word = first_word(command.name); std::find(words.begin(), words.end(), word) == words.end())
            words.push_back(word);
    words.emplace_back("help");
    return words;
}

// The second words by the first word: "config" => "show", "check".
std::map<std::string, std::vector<std::string>> groups(const std::vector<CommandName> &commands) {
    std::map<std::string, std::vector<std::string>> groups;
    for (const CommandName &command : commands)
        if (size_t blank = command.name.find(' '); blank != std::string::npos)
            groups[command.name.substr(0, blank)].push_back(command.name.substr(blank + 1));
    return groups;
}

// The help of a first word: the help of the first command that begins with it.
std::string help_of(const std::string &word, const std::vector<CommandName> &commands) {
    for (const CommandName &command : commands)
        if (first_word(command.name) == word)
            return command.help;
    return "print the options of a command";
}

// The text within single quotes of a shell.
std::string quoted(std::string text) {
    for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4)
        text.replace(at, 1, "'\\''");
    return "'" + text + "'";
}

std::string escaped(const std::string &text, std::string_view marks) {
    std::string out;
    for (char c : text)
        out += (marks.find(c) == std::string_view::npos ? "" : "\\") + std::string(1, c);
    return out;
}

std::string patterns(const std::vector<std::string> &flags) {
    std::string text;
    for (const std::string &flag : flags)
        text += (text.empty() ? "" : "|") + flag;
    return text;
}

// The cases of a bash script for an option's value: the setting's words, a file, or a value that no shell knows.
std::string bash_values() {
    std::string text;
    std::vector<std::string> files, others = {"-X"};
    for (const Setting &row : settings()) {
        if (row.target.words != nullptr)
            text += fmt::format("    {}) words='{}' ;;\n", long_flag(row), joined(row.target.words()));
        else if ((row.traits & file) != 0)
            files.push_back(long_flag(row));
        else if (row.target.toggle == nullptr)
            others.push_back(long_flag(row));
    }
    text += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n", patterns(files));
    return text + fmt::format("    {}) return ;;\n", patterns(others));
}

} // namespace

// Bash splits "--delivery=ex" into three words, which the script puts together.
std::string bash_completion(const std::vector<CommandName> &commands) {
    std::string of_commands, with_two;
    for (const auto &[group, words] : groups(commands)) {
        of_commands += fmt::format("    {}) words='{}' ;;\n", group, joined(words));
        with_two += (with_two.empty() ? "" : "|") + group;
    }
    for (const CommandName &command : commands) {
        std::vector<std::string> flags = {"--help"};
        for (const Setting *row : settings_of(command))
            flags.push_back(long_flag(*row));
        of_commands += fmt::format("    '{}') words='{}' ;;\n", command.name, joined(flags));
    }
    std::string top = joined(top_words(commands));
    return "# Completion for bash, made by \"outbox-relay completion bash\".\n"
           "_outbox_relay() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=''\n"
           "    if [ \"$current\" = '=' ]; then current=''\n"
           "    elif [ \"$before\" = '=' ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
           "    COMPREPLY=()\n"
           "    case $command in\n"
           "    " +
           with_two +
           ") if [ \"$COMP_CWORD\" -gt 2 ]; then command+=\" ${COMP_WORDS[2]}\"; fi ;;\n"
           "    esac\n"
           "    case $command in\n"
           "    help) words='" +
           top + "' ;;\n" + of_commands +
           "    esac\n"
           "    if [ \"$COMP_CWORD\" -le 1 ]; then words='" +
           top +
           " --help --version'; fi\n"
           "    case $before in\n" +
           bash_values() +
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
           "}\n"
           "complete -F _outbox_relay outbox-relay\n";
}

namespace {

std::string zsh_option(const Setting &row) {
    std::string spec = long_flag(row), help = "[" + escaped(row.help, "[]\\") + "]";
    bool is_repeatable = (row.traits & list) != 0;
    if (row.target.toggle != nullptr)
        return quoted(spec + help);
    std::string action = row.target.words != nullptr ? "(" + joined(row.target.words()) + ")" : (row.traits & file) != 0 ? "_files" : "";
    return quoted((is_repeatable ? "*" : "") + spec + "=" + help + ":" + row.key + ":" + action);
}

} // namespace

std::string zsh_completion(const std::vector<CommandName> &commands) {
    std::string top, of_groups, of_commands;
    for (const std::string &word : top_words(commands))
        top += "        " + quoted(word + ":" + escaped(help_of(word, commands), ":\\")) + "\n";
    for (const auto &[group, words] : groups(commands))
        of_groups += fmt::format(
            "    {}) if (( CURRENT == 3 )); then compadd {}; return; fi; command+=\" $words[3]\"; shift words; (( CURRENT-- )) ;;\n", group,
            joined(words));
    for (const CommandName &command : commands) {
        of_commands += "    " + quoted(command.name) + ") _arguments '--help[print the options]'";
        for (const Setting *row : settings_of(command))
            of_commands += " \\\n        " + zsh_option(*row);
        of_commands += " ;;\n";
    }
    return "#compdef outbox-relay\n"
           "# Completion for zsh, made by \"outbox-relay completion zsh\".\n"
           "_outbox_relay() {\n"
           "    local command=$words[2]\n"
           "    local -a commands=(\n" +
           top +
           "    )\n"
           "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
           "    case $command in\n"
           "    help) _describe command commands; return ;;\n" +
           of_groups +
           "    esac\n"
           "    shift words; (( CURRENT-- ))\n"
           "    case $command in\n" +
           of_commands +
           "    esac\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _outbox_relay ]; then _outbox_relay \"$@\"; else compdef _outbox_relay outbox-relay; fi\n";
}

namespace {

// The condition of a fish script that the line has this command.
std::string fish_condition(const std::string &name) {
    size_t blank = name.find(' ');
    std::string condition = "__fish_seen_subcommand_from " + name.substr(0, blank);
    return blank == std::string::npos ? condition : condition + "; and __fish_seen_subcommand_from " + name.substr(blank + 1);
}

std::string fish_option(const CommandName &command, const Setting &row) {
    std::string line = fmt::format("complete -c outbox-relay -n {} -l {}", quoted(fish_condition(command.name)), row.key);
    if (std::string(row.key) == "property")
        line += " -s X";
    if (row.target.words != nullptr)
        line += " -x -a " + quoted(joined(row.target.words()));
    else if (row.target.toggle == nullptr)
        line += (row.traits & file) != 0 ? " -r -F" : " -x";
    std::string help = row.help; // within single quotes fish has two escapes, of the quote and of the backslash
    return line + " -d '" + escaped(help, "'\\") + "'\n";
}

} // namespace

std::string fish_completion(const std::vector<CommandName> &commands) {
    std::string text = "# Completion for fish, made by \"outbox-relay completion fish\".\ncomplete -c outbox-relay -f\n";
    for (const std::string &word : top_words(commands))
        text +=
            fmt::format("complete -c outbox-relay -n __fish_use_subcommand -a {} -d '{}'\n", word, escaped(help_of(word, commands), "'\\"));
    for (const auto &[group, words] : groups(commands))
        text +=
            fmt::format("complete -c outbox-relay -n '__fish_seen_subcommand_from {}; and not __fish_seen_subcommand_from {}' -a '{}'\n",
                        group, joined(words), joined(words));
    text += "complete -c outbox-relay -n '__fish_seen_subcommand_from help' -a '" + joined(top_words(commands)) + "'\n";
    for (const CommandName &command : commands)
        for (const Setting *row : settings_of(command))
            text += fish_option(command, *row);
    return text;
}

} // namespace outbox
