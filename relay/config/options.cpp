#include "config/options.h"

#include "config/command_line.h"
#include "config/completion.h"
#include "config/file.h"
#include "config/make_command.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <span>

namespace outbox {
namespace {

// Makes a command that looks at Kafka alone.
template <auto make>
Command kafka_command(const Values &values) {
    check_own_topics(values);
    return make(values, kafka_target(values));
}

// Makes a command that looks at a relay with the relay's options.
template <auto make>
Command operate_command(const Values &values) {
    check_own_topics(values);
    if constexpr (std::is_invocable_v<decltype(make), const Values &, Login, KafkaTarget>)
        return make(values, login(values), kafka_target(values));
    else
        return make(values, login(values));
}

Command show_config_command(const Values &values, const Effective &effective) {
    return ShowConfigCommand{effective, values.origin, values.json};
}

Command check_config_command(const Values &values, const Effective &) {
    (void)run_command(values);
    return CheckConfigCommand{};
}

// ---- the commands ---------------------------------------------------------------------------------------------------

// The extent to which a command checks the settings.
enum class Reads {
    flags,
    its_own, // the command asks a relay that may run though other settings have changed since
    all,
};

struct CommandRow {
    CommandName name;
    Reads reads;
    Command (*make)(const Values &values, const Effective &effective);
};

template <Command (*make)(const Values &)>
Command from_values(const Values &values, const Effective &) {
    return make(values);
}

std::vector<CommandName> command_names();

template <auto script>
Command completion_command(const Values &, const Effective &) {
    return CompletionCommand{script(command_names())};
}

const std::vector<CommandRow> &commands() {
    constexpr unsigned in_any = in_run | in_setup, in_none = 0;
    static const std::vector<CommandRow> rows = {
        {{"run", "stream events from the slot, until SIGTERM", in_run}, Reads::all, from_values<run_command>},
        {{"setup", "create what is missing on the server: extension, permission for the plugin, slot", in_setup},
         Reads::all,
         from_values<setup_command>},
        {{"skip", "deliver up to an event that Kafka refuses, and skip that event; takes the options of run", in_skip},
         Reads::all,
         from_values<run_command>},
        {{"health", "ask the relay that runs here whether it is well: exit status 0 or 1", in_health},
         Reads::its_own,
         from_values<health_command>},
        {{"doctor", "look for faults of PostgreSQL, the slot and Kafka that stop a relay or will stop one, and print how to repair each",
          in_doctor},
         Reads::all,
         from_values<operate_command<doctor_command>>},
        {{"status", "show the slot and the delivery, while a relay runs and while none does", in_status},
         Reads::all,
         from_values<operate_command<status_command>>},
        {{"dead-letters", "list the events that Kafka refused and the relay set aside", in_dead_letters},
         Reads::all,
         from_values<kafka_command<dead_letters_command>>},
        {{"drain", "wait until all events are delivered that were committed before now", in_drain},
         Reads::all,
         from_values<operate_command<drain_command>>},
        {{"tail", "show events as they are committed, and consume none", in_tail}, Reads::all, from_values<operate_command<tail_command>>},
        {{"config show", "print the value of every setting", in_any | in_config}, Reads::all, show_config_command},
        {{"config check", "check the settings of run, without a connection", in_any}, Reads::all, check_config_command},
        {{"completion bash", "print the completion script for bash", in_none}, Reads::flags, completion_command<bash_completion>},
        {{"completion zsh", "print the completion script for zsh", in_none}, Reads::flags, completion_command<zsh_completion>},
        {{"completion fish", "print the completion script for fish", in_none}, Reads::flags, completion_command<fish_completion>},
        {{"version", "print the version", in_version},
         Reads::flags,
         [](const Values &values, const Effective &) -> Command { return VersionCommand{values.verbose}; }},
    };
    return rows;
}

std::vector<CommandName> command_names() {
    std::vector<CommandName> names;
    for (const CommandRow &row : commands())
        names.push_back(row.name);
    return names;
}

// ---- the file -------------------------------------------------------------------------------------------------------

// The settings file that a flag or variable names, or the default one where that file exists; empty: none.
Given config_file_of(const std::vector<Given> &variables, const std::vector<Given> &flags) {
    for (const std::vector<Given> *source : {&flags, &variables})
        for (const Given &each : *source)
            if (std::string_view(each.setting->key) == "config")
                return each;
    bool is_there = access(default_config_file, F_OK) == 0;
    return {&settings()[0], is_there ? default_config_file : "", "default"};
}

bool gives(const std::vector<Given> &source, const Setting *setting) {
    return std::any_of(source.begin(), source.end(), [&](const Given &each) { return each.setting == setting; });
}

Effective gather(const CommandRow &command, const std::vector<Given> &flags) {
    Effective effective;
    if (command.reads == Reads::flags) {
        check_given(flags);
        effective.take(flags);
        return effective;
    }
    if (command.reads == Reads::all)
        check_variables();
    std::vector<Given> variables = read_variables(command.name.takes);
    Given path = config_file_of(variables, flags);
    if (!path.text.empty()) {
        ConfigFile file = read_config_file(path.text);
        bool is_needed = command.reads == Reads::all || flags.size() + variables.size() == 0;
        if (!file.problem.empty() && is_needed)
            throw Failure(ExitCode::usage, file.problem);
        effective.take({path});
        effective.take(file.given);
        effective.take_kafka(std::move(file.kafka));
    }
    // a flag's value stands for the variable's, which is not checked
    std::erase_if(variables, [&](const Given &variable) { return gives(flags, variable.setting); });
    check_given(variables);
    check_given(flags);
    effective.take(variables);
    effective.take(flags);
    return effective;
}

} // namespace

std::string version_text() {
    int libpq = PQlibVersion();
    return fmt::format("outbox-relay " OUTBOX_VERSION " (librdkafka {}, libpq {}.{})", rd_kafka_version_str(), libpq / 10000,
                       libpq % 10000);
}

Effective read_settings(int argc, char **argv) {
    CommandLine line = parse_command_line(argc, argv, command_names());
    return gather(commands()[line.command], line.given);
}

Options parse_options(int argc, char **argv) {
    CommandLine line = parse_command_line(argc, argv, command_names());
    const CommandRow &command = commands()[line.command];
    Effective effective = gather(command, line.given);
    Values values = effective.values();
    try {
        return {command.make(values, effective), values.log_format, values.log_level, effective};
    } catch (const std::invalid_argument &error) {
        std::string words = error.what();
        throw Failure(ExitCode::usage, words.substr(0, words.find('\n')));
    }
}

} // namespace outbox
