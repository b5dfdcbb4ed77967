// The checks of topics: whether they take the events and keep them. They look at the topics of --topics, at the topic of dead letters where
// the relay writes those, and at the state topic of exactly-once delivery.
#include "base/log.h"
#include "command/doctor/kafka_words.h"

#include <algorithm>
#include <cstdlib>

namespace outbox {
namespace {

constexpr double record_overhead_bytes = 1024;

// Looks at each topic. The first topic with a fault is the finding, and carries the repairs of the others.
template <class Look>
Finding each_topic(Consultation &doctor, const std::string &good, Look look) {
    std::vector<std::string> topics = doctor.topics();
    Finding worst = ok("");
    for (const std::string &topic : topics) {
        Finding finding = look(topic);
        if (finding.verdict == Verdict::ok)
            continue;
        std::vector<std::string> repair = worst.repair;
        repair.insert(repair.end(), finding.repair.begin(), finding.repair.end());
        if (finding.verdict > worst.verdict)
            worst = std::move(finding);
        worst.repair = std::move(repair);
    }
    if (worst.verdict != Verdict::ok)
        return worst;
    return ok(fmt::format("{} topic{}: {}", topics.size(), topics.size() == 1 ? "" : "s", good));
}

// Looks at each existing topic with its settings. A missing topic has a check of its own.
template <class Look>
Finding each_topic_settings(Consultation &doctor, const std::string &good, Look look) {
    return each_topic(doctor, good, [&](const std::string &topic) {
        return doctor.cluster().topic(topic).problem.empty() ? look(topic, doctor.cluster().topic_settings(topic)) : ok("");
    });
}

Finding topics(Consultation &doctor) {
    size_t brokers = doctor.cluster().brokers().size();
    return each_topic(doctor, "all are there", [&](const std::string &name) {
        TopicView topic = doctor.cluster().topic(name);
        if (topic.is_missing)
            return fail("topic \"" + name + "\" does not exist: all events wait for it",
                        {kafka_tool(doctor, "kafka-topics",
                                    fmt::format("--create --topic {} --partitions 6 --replication-factor {}", name,
                                                std::min<size_t>(brokers, 3)))});
        if (!topic.problem.empty())
            return fail("topic \"" + name + "\": " + topic.problem);
        return ok("");
    });
}

Finding rights(Consultation &doctor) {
    return each_topic(doctor, "the relay may write to all", [&](const std::string &name) {
        std::optional<bool> may = doctor.cluster().may_write(name);
        if (!may)
            throw Skipped("this librdkafka or this broker cannot be asked for rights");
        if (!*may)
            return fail("the relay may not write to topic \"" + name + "\": all events wait for it",
                        {kafka_tool(doctor, "kafka-acls",
                                    "--add --allow-principal User:" + doctor.kafka_principal() +
                                        " --operation Write --operation Describe --topic " + name)},
                        "with the relay's principal");
        return ok("");
    });
}

Finding replicas(Consultation &doctor) {
    size_t replicas_min = std::min<size_t>(3, doctor.cluster().brokers().size());
    return each_topic(doctor, "each partition has a leader and its replicas", [&](const std::string &name) {
        TopicView topic = doctor.cluster().topic(name);
        if (topic.leaderless > 0)
            return fail(fmt::format("{} of {} partitions of topic \"{}\" have no leader: their events wait", topic.leaderless,
                                    topic.partitions, name),
                        {}, "start the brokers that have them");
        if (topic.in_sync < topic.replicas)
            return warn(fmt::format("a partition of topic \"{}\" has {} of {} replicas in sync", name, topic.in_sync, topic.replicas), {},
                        "start the brokers that are away");
        if (topic.problem.empty() && topic.replicas < replicas_min)
            return warn(fmt::format("topic \"{}\" has {} of {} replicas: the loss of a broker loses the topic's events", name,
                                    topic.replicas, replicas_min),
                        {doctor.reassign_line(name, topic.partitions, replicas_min)});
        return ok("");
    });
}

Finding min_insync(Consultation &doctor) {
    return each_topic_settings(doctor, "min.insync.replicas fits the replicas", [&](const std::string &name, const auto &settings) {
        TopicView topic = doctor.cluster().topic(name);
        auto least = static_cast<size_t>(figure_of(settings, "min.insync.replicas"));
        if (least > topic.in_sync)
            return fail(
                fmt::format("topic \"{}\" wants min.insync.replicas = {} and has {} in sync: Kafka refuses every event", name, least,
                            topic.in_sync),
                {setting_line(doctor, name,
                              fmt::format("min.insync.replicas={}", std::max<size_t>(1, topic.in_sync > 1 ? topic.in_sync - 1 : 1)))},
                "or start the brokers that are away");
        if (least < 2 && topic.replicas >= 3)
            return warn("topic \"" + name + "\" has min.insync.replicas = 1: an event that only one broker has counts as delivered",
                        {setting_line(doctor, name, "min.insync.replicas=2")});
        return ok("");
    });
}

Finding unclean(Consultation &doctor) {
    return each_topic_settings(doctor, "no leader is elected that lacks records", [&](const std::string &name, const auto &settings) {
        if (says(settings, "unclean.leader.election.enable", "true"))
            return warn("topic \"" + name + "\" has unclean.leader.election.enable: a new leader may lack events that were acknowledged",
                        {setting_line(doctor, name, "unclean.leader.election.enable=false")});
        return ok("");
    });
}

// The limit to set where events of so many bytes are to pass, with room for the rest of a batch.
std::string bytes_to_allow(double largest) { return fmt::format("{:.0f}", largest + 100 * record_overhead_bytes); }

// The relay's own limit, which librdkafka checks before a record goes to Kafka.
Finding relay_message_bytes(Consultation &doctor, double largest) {
    double most = strtod(last_value(doctor.command().kafka.properties, "message.max.bytes", "1000000").c_str(), nullptr);
    if (most >= largest)
        return ok("");
    return warn(fmt::format("the relay takes {:.0f} bytes (-X message.max.bytes), and emit() {:.0f} (outbox.max_event_bytes): "
                            "the relay will refuse an event",
                            most, largest),
                {}, "run the relay with -X message.max.bytes=" + bytes_to_allow(largest));
}

Finding message_bytes(Consultation &doctor) {
    double largest = doctor.largest_event_bytes();
    Finding own = relay_message_bytes(doctor, largest);
    Finding topics =
        each_topic_settings(doctor, "they take the largest event (max.message.bytes)", [&](const std::string &name, const auto &settings) {
            double most = figure_of(settings, "max.message.bytes");
            if (most < largest + record_overhead_bytes)
                return warn(fmt::format("topic \"{}\" takes {:.0f} bytes (max.message.bytes), and emit() {:.0f} (outbox.max_event_bytes): "
                                        "Kafka will refuse an event",
                                        name, most, largest),
                            {setting_line(doctor, name, "max.message.bytes=" + bytes_to_allow(largest))});
            return ok("");
        });
    if (topics.verdict == Verdict::ok && own.verdict != Verdict::ok)
        return own;
    topics.then = own.then;
    return topics;
}

Finding compaction(Consultation &doctor) {
    return each_topic_settings(doctor, "none is compacted, so events need no key", [&](const std::string &name, const auto &settings) {
        if (says(settings, "cleanup.policy", "compact"))
            return warn("topic \"" + name + "\" is compacted: Kafka refuses events without a key, and keeps only the last of each key",
                        {setting_line(doctor, name, "cleanup.policy=delete")}, "unless that is meant, and every event has a key");
        return ok("");
    });
}

Finding retention(Consultation &doctor) {
    double age_s = doctor.backlog_age_s();
    return each_topic_settings(
        doctor, fmt::format("they keep events for longer than the backlog is old, {:.0f} s", age_s),
        [&](const std::string &name, const auto &settings) {
            double keeps_s = figure_of(settings, "retention.ms") / 1000;
            if (keeps_s < 0 || keeps_s > age_s * 2 || says(settings, "message.timestamp.type", "LogAppendTime"))
                return ok("");
            return Finding{
                keeps_s > age_s ? Verdict::warn : Verdict::fail,
                fmt::format(
                    "topic \"{}\" keeps events for {:.0f} s, and the oldest that waits is {:.0f} s old: Kafka deletes it before it is read",
                    name, keeps_s, age_s),
                {setting_line(doctor, name, "retention.ms=604800000")}};
        });
}

// ---- exactly once

Finding state_topic(Consultation &doctor) {
    const std::string &name = doctor.command().kafka.state_topic;
    if (doctor.command().delivery != Delivery::exactly_once)
        throw Skipped("only exactly-once delivery has a state topic");
    TopicView topic = doctor.cluster().topic(name);
    if (topic.is_missing)
        return fail("the state topic \"" + name + "\" does not exist, and so the position is missing",
                    {doctor.setup_line() + " --reset-state"},
                    "it goes on from where the slot stands: what was delivered since may come twice");
    if (topic.partitions != 1)
        return fail(fmt::format("the state topic \"{}\" has {} partitions and must have exactly one", name, topic.partitions),
                    {kafka_tool(doctor, "kafka-topics", "--delete --topic " + name), doctor.setup_line() + " --reset-state"},
                    "while no relay runs");
    if (!says(doctor.cluster().topic_settings(name), "cleanup.policy", "compact"))
        return fail("the state topic \"" + name + "\" is not compacted: Kafka deletes the position after a while",
                    {setting_line(doctor, name, "cleanup.policy=compact")});
    return ok("the state topic \"" + name + "\" has one partition and is compacted");
}

constexpr Check checks[] = {
    {"topics", topics},         {"topic-rights", rights},      {"replicas", replicas},
    {"min-insync", min_insync}, {"unclean-election", unclean}, {"max-message-bytes", message_bytes},
    {"compaction", compaction}, {"retention", retention},      {"state-topic", state_topic},
};

} // namespace

std::span<const Check> topic_checks() { return checks; }

} // namespace outbox
