#include "command/setup_topics.h"

#include "kafka/cluster_view.h"
#include "kafka/topic_admin.h"
#include "kafka/topic_names.h"

#include <algorithm>
#include <cstdlib>

namespace outbox {
namespace {

std::string tool(const SetupCommand &command, const std::string &name, const std::string &arguments) {
    return name + ".sh --bootstrap-server " + command.kafka.brokers + " " + arguments;
}

std::string create_line(const SetupCommand &command, const TopicSpec &topic) {
    std::string arguments = "--create --topic " + topic.name;
    if (topic.partitions > 0)
        arguments += fmt::format(" --partitions {}", topic.partitions);
    if (topic.replicas > 0)
        arguments += fmt::format(" --replication-factor {}", topic.replicas);
    if (topic.min_insync > 0)
        arguments += fmt::format(" --config min.insync.replicas={}", topic.min_insync);
    return tool(command, "kafka-topics", arguments);
}

// One sentence for each difference, with the command that ends it. setup itself changes no existing topic.
std::vector<std::string> differences(const SetupCommand &command, const TopicSpec &spec, ClusterView &cluster) {
    TopicView found = cluster.topic(spec.name);
    std::vector<std::string> all;
    std::string topic = "topic \"" + spec.name + "\" has ";
    auto partitions = static_cast<size_t>(spec.partitions), replicas = static_cast<size_t>(spec.replicas);
    if (spec.partitions > 0 && found.partitions < partitions)
        all.push_back(topic +
                      fmt::format("{} partitions, and the file says {}: {} (keys go to other partitions from then on)", found.partitions,
                                  partitions,
                                  tool(command, "kafka-topics", fmt::format("--alter --topic {} --partitions {}", spec.name, partitions))));
    else if (spec.partitions > 0 && found.partitions > partitions)
        all.push_back(topic + fmt::format("{} partitions, and the file says {}: Kafka takes none away; change the file", found.partitions,
                                          partitions));
    if (spec.replicas > 0 && found.replicas != replicas)
        all.push_back(topic + fmt::format("{} replicas, and the file says {}: outbox-relay doctor prints how to assign them",
                                          found.replicas, replicas));
    std::map<std::string, std::string> settings =
        spec.min_insync > 0 ? cluster.topic_settings(spec.name) : std::map<std::string, std::string>();
    if (std::string least = settings["min.insync.replicas"]; spec.min_insync > 0 && least != std::to_string(spec.min_insync))
        all.push_back(topic +
                      fmt::format("min.insync.replicas = {}, and the file says {}: {}", least, spec.min_insync,
                                  tool(command, "kafka-configs",
                                       fmt::format("--alter --entity-type topics --entity-name {} --add-config min.insync.replicas={}",
                                                   spec.name, spec.min_insync))));
    return all;
}

// Under the name that the relay gives the topic in Kafka.
void prepare_in_kafka(const Steps &steps, const SetupCommand &command, ClusterView &cluster, TopicSpec spec) {
    spec.name = name_in_kafka(command.kafka.style, spec.name);
    std::string name = "topic \"" + spec.name + "\"";
    TopicView found = cluster.topic(spec.name);
    if (!found.is_missing && !found.problem.empty())
        throw std::runtime_error(name + ": " + found.problem);
    if (found.is_missing && steps.dry_run())
        return steps.say(create_line(command, spec));
    if (found.is_missing) {
        create_topic(command.kafka, spec, steps.server().signals());
        return steps.say("created " + name);
    }
    std::vector<std::string> all = differences(command, spec, cluster);
    if (all.empty())
        steps.say(name + " is there");
    for (const std::string &difference : all)
        steps.say(difference);
}

std::string array_of(const std::vector<TopicSpec> &topics) {
    std::string list;
    for (const TopicSpec &topic : topics)
        list += (list.empty() ? "" : ", ") + quote_literal(topic.name);
    return "ARRAY[" + list + "]::pg_catalog.text[]";
}

bool has_table(Server &server) { return server.is_true("SELECT pg_catalog.to_regclass('outbox.topics') IS NOT NULL"); }

// Writes the names to outbox.topics, which the hosted form does not have. With --dry-run the table may not exist yet, and the statement is
// printed for the table to come.
void prepare_in_postgres(const Steps &steps, const SetupCommand &command) {
    Server &server = steps.server();
    std::string names = array_of(command.topic_specs);
    bool is_there = has_table(server);
    if (!is_there && (!steps.dry_run() || command.plugin == "pgoutput"))
        return steps.say("this database has no table outbox.topics: emit() accepts every topic");
    std::string missing = !is_there ? "t"
                                    : server.value("SELECT EXISTS (SELECT 1 FROM pg_catalog.unnest(" + names +
                                                   ") AS n WHERE NOT EXISTS (SELECT 1 FROM outbox.topics AS t WHERE t.name "
                                                   "OPERATOR(pg_catalog.=) n))");
    if (missing == "t")
        steps.change(
            "outbox.topics has the topics of the file: emit() refuses others",
            {"INSERT INTO outbox.topics (name) SELECT n FROM pg_catalog.unnest(" + names + ") AS n ON CONFLICT (name) DO NOTHING"});
    else
        steps.say("outbox.topics has the topics of the file");
    if (!is_there)
        return;
    std::string others =
        server.value("SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM (SELECT name FROM outbox.topics WHERE name "
                     "OPERATOR(pg_catalog.<>) ALL (" +
                     names + ") ORDER BY name LIMIT 20) AS others");
    if (!others.empty())
        steps.say("outbox.topics also has topics that the file does not name: " + others);
}

} // namespace

void prepare_topics(const Steps &steps, const SetupCommand &command) {
    ClusterView cluster(command.kafka, steps.server().signals());
    for (const TopicSpec &spec : command.topic_specs)
        prepare_in_kafka(steps, command, cluster, spec);
    prepare_in_postgres(steps, command);
}

} // namespace outbox
