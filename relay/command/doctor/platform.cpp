#include "command/doctor/platform.h"

#include <optional>

namespace outbox {
namespace {

struct Parameter {
    std::string name, value;
};

// The parameter of a line "ALTER SYSTEM SET name = value;"; nullopt: another line.
std::optional<Parameter> parameter_of(std::string_view line) {
    constexpr std::string_view head = "ALTER SYSTEM SET ", middle = " = ";
    size_t equals = line.find(middle);
    if (!line.starts_with(head) || equals == std::string_view::npos)
        return std::nullopt;
    std::string_view value = line.substr(equals + middle.size());
    while (!value.empty() && (value.back() == ';' || value.back() == '\''))
        value.remove_suffix(1);
    while (!value.empty() && value.front() == '\'')
        value.remove_prefix(1);
    return Parameter{std::string(line.substr(head.size(), equals - head.size())), std::string(value)};
}

Parameter of_platform(Platform platform, Parameter parameter) {
    if (parameter.name != "wal_level")
        return parameter;
    if (platform == Platform::rds || platform == Platform::aurora)
        return {"rds.logical_replication", "1"};
    if (platform == Platform::cloud_sql)
        return {"cloudsql.logical_decoding", "on"};
    return parameter;
}

// The platform's command that sets a parameter; empty: the platform has none.
std::string command_for(Platform platform, const Parameter &parameter) {
    std::string assigned = "ParameterName=" + parameter.name + ",ParameterValue=" + parameter.value + ",ApplyMethod=pending-reboot";
    switch (platform) {
    case Platform::rds: return "aws rds modify-db-parameter-group --db-parameter-group-name GROUP --parameters " + shell_quoted(assigned);
    case Platform::aurora:
        return "aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name GROUP --parameters " + shell_quoted(assigned);
    case Platform::cloud_sql:
        return "gcloud sql instances patch INSTANCE --database-flags=" + shell_quoted(parameter.name + "=" + parameter.value);
    case Platform::azure:
        return "az postgres flexible-server parameter set --resource-group GROUP --server-name SERVER --name " + parameter.name +
               " --value " + shell_quoted(parameter.value);
    default: return "";
    }
}

std::string advice_for(Platform platform, const Parameter &parameter) {
    bool is_wal_level = parameter.name == "wal_level";
    switch (platform) {
    case Platform::rds:
    case Platform::aurora: return "GROUP is the parameter group of the server's own, not the default one; then reboot";
    case Platform::cloud_sql: return "the command sets all flags: add those that the instance has; the instance restarts";
    case Platform::azure: return "then restart the server";
    case Platform::neon:
        return is_wal_level ? "in the console: the project's settings, Logical Replication, Enable; it cannot be disabled again"
                            : "ask the provider's support to set " + parameter.name + " to " + parameter.value;
    case Platform::supabase:
        return is_wal_level ? "wal_level is \"logical\" by default: ask the provider's support"
                            : "supabase --experimental postgres-config update --config " + parameter.name + "=" + parameter.value;
    default: return "";
    }
}

void add(std::string &sentences, const std::string &sentence) {
    if (!sentence.empty() && sentences.find(sentence) == std::string::npos)
        sentences += (sentences.empty() ? "" : "; ") + sentence;
}

} // namespace

const char *name_of(Platform platform) {
    switch (platform) {
    case Platform::rds: return "Amazon RDS";
    case Platform::aurora: return "Amazon Aurora";
    case Platform::cloud_sql: return "Google Cloud SQL";
    case Platform::azure: return "Azure Database for PostgreSQL";
    case Platform::neon: return "Neon";
    case Platform::supabase: return "Supabase";
    default: return "";
    }
}

void put_in_words_of(Platform platform, Finding &finding) {
    if (platform == Platform::none)
        return;
    std::vector<std::string> lines;
    std::string advice;
    for (const std::string &line : finding.repair) {
        constexpr std::string_view role_head = "ALTER ROLE ", role_tail = " REPLICATION;";
        if (std::optional<Parameter> parameter = parameter_of(line)) {
            *parameter = of_platform(platform, *parameter);
            if (std::string command = command_for(platform, *parameter); !command.empty())
                lines.push_back(command);
            add(advice, advice_for(platform, *parameter));
        } else if (line.starts_with(role_head) && line.ends_with(role_tail)) {
            std::string role = line.substr(role_head.size(), line.size() - role_head.size() - role_tail.size());
            if (platform == Platform::neon)
                add(advice, "create the relay's role in the console or by the API: a role that SQL creates never has REPLICATION");
            else
                lines.push_back(platform == Platform::rds || platform == Platform::aurora ? "GRANT rds_replication TO " + role + ";"
                                                                                          : line);
        } else if (line.starts_with("sudo ")) {
            add(advice, "the provider maintains this machine: ask the provider's support for the repair");
        } else if (line != "SELECT pg_reload_conf();") {
            lines.push_back(line);
        }
    }
    finding.repair = std::move(lines);
    if (!advice.empty())
        finding.then = advice;
}

} // namespace outbox
