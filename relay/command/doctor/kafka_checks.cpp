// Kafka: is it reached, and will the topics take the events and keep them? What is said of topics holds for those of --topics, and where
// dead letters are on for theirs.
#include "base/log.h"
#include "command/doctor/consultation.h"
#include "kafka/librdkafka_version.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace outbox {
namespace {

constexpr size_t topics_max = 100; // that a check looks at
constexpr double record_overhead_bytes = 1024;
constexpr int64_t day_s = 86400, soon_s = 30 * day_s;

std::string kafka_tool(Consultation &doctor, const std::string &tool, const std::string &arguments) {
    return tool + ".sh --bootstrap-server " + doctor.command().kafka.brokers + " " + arguments;
}

std::string setting_line(Consultation &doctor, const std::string &topic, const std::string &setting) {
    return kafka_tool(doctor, "kafka-configs", "--alter --entity-type topics --entity-name " + topic + " --add-config " + setting);
}

double number(const std::map<std::string, std::string> &settings, const char *name) {
    auto found = settings.find(name);
    return found == settings.end() ? 0 : strtod(found->second.c_str(), nullptr);
}

bool says(const std::map<std::string, std::string> &settings, const char *name, std::string_view word) {
    auto found = settings.find(name);
    return found != settings.end() && found->second.find(word) != std::string::npos;
}

// Looks at each topic. The first that has something wrong is the finding, and what mends the others is pasted with it.
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

// The same for topics that are there.
template <class Look>
Finding each_topic_settings(Consultation &doctor, const std::string &good, Look look) {
    return each_topic(doctor, good, [&](const std::string &topic) {
        return doctor.cluster().topic(topic).problem.empty() ? look(topic, doctor.cluster().topic_settings(topic)) : ok("");
    });
}

// ---- the brokers

Finding librdkafka(Consultation &) {
    std::string risk = librdkafka_risk(rd_kafka_version());
    return risk.empty() ? ok(std::string("librdkafka ") + rd_kafka_version_str() + " has no known hole")
                        : warn(risk, {"make LIBRDKAFKA=pinned", "sudo make install"});
}

Finding kafka_connection(Consultation &doctor) {
    if (doctor.command().kafka.brokers.empty())
        throw Skipped("--brokers is not given");
    try {
        ClusterView &cluster = doctor.connect_to_kafka();
        return ok(fmt::format("Kafka answers at {}, and has {} broker{}", doctor.command().kafka.brokers, cluster.brokers().size(),
                              cluster.brokers().size() == 1 ? "" : "s"));
    } catch (const std::runtime_error &error) {
        return fail(error.what(), {}, "see docs/kafka-access.md#why-kafka-is-not-reached");
    }
}

// A client is told other addresses than those it has been given.
Finding brokers(Consultation &doctor) {
    for (const BrokerView &broker : doctor.cluster().brokers())
        if (std::string reason = doctor.cluster().try_broker(broker); !reason.empty())
            return fail(fmt::format("broker {} is not reached at {}, where the cluster says it is (advertised.listeners): {}", broker.id,
                                    broker.address, reason),
                        {"nc -vz " + broker.address.substr(0, broker.address.rfind(':')) + " " +
                         broker.address.substr(broker.address.rfind(':') + 1)},
                        "start the broker, or open the way to it");
    return ok("each broker answers at the address that the cluster gives");
}

Finding certificates(Consultation &doctor) {
    std::vector<CertificateView> all = doctor.cluster().certificates();
    if (all.empty())
        throw Skipped("the connection to Kafka has no certificates");
    auto first = std::min_element(all.begin(), all.end(), [](auto &a, auto &b) { return a.ends_at_s < b.ends_at_s; });
    int64_t left_s = first->ends_at_s - time(nullptr);
    std::string said = fmt::format("the certificate of {} ends in {} days", first->whose, left_s / day_s);
    if (left_s > soon_s)
        return ok(said);
    return {left_s > 0 ? Verdict::warn : Verdict::fail, said, {}, "put a new one in its place; the relay takes it up by itself"};
}

// ---- the topics

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
    size_t wanted = std::min<size_t>(3, doctor.cluster().brokers().size());
    return each_topic(doctor, "each partition has a leader and its replicas", [&](const std::string &name) {
        TopicView topic = doctor.cluster().topic(name);
        if (topic.leaderless > 0)
            return fail(fmt::format("{} of {} partitions of topic \"{}\" have no leader: their events wait", topic.leaderless,
                                    topic.partitions, name),
                        {}, "start the brokers that have them");
        if (topic.in_sync < topic.replicas)
            return warn(fmt::format("a partition of topic \"{}\" has {} of {} replicas in sync", name, topic.in_sync, topic.replicas), {},
                        "start the brokers that are away");
        if (topic.problem.empty() && topic.replicas < wanted)
            return warn(fmt::format("topic \"{}\" has {} of {} replicas: with a broker its events are lost", name, topic.replicas, wanted),
                        {doctor.reassign_line(name, topic.partitions, wanted)});
        return ok("");
    });
}

Finding min_insync(Consultation &doctor) {
    return each_topic_settings(doctor, "min.insync.replicas fits the replicas", [&](const std::string &name, const auto &settings) {
        TopicView topic = doctor.cluster().topic(name);
        auto least = static_cast<size_t>(number(settings, "min.insync.replicas"));
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

Finding message_bytes(Consultation &doctor) {
    double largest = doctor.largest_event_bytes();
    return each_topic_settings(
        doctor, "they take the largest event (max.message.bytes)", [&](const std::string &name, const auto &settings) {
            double most = number(settings, "max.message.bytes");
            if (most < largest + record_overhead_bytes)
                return warn(fmt::format("topic \"{}\" takes {:.0f} bytes (max.message.bytes), and emit() {:.0f} (outbox.max_event_bytes): "
                                        "Kafka will refuse an event",
                                        name, most, largest),
                            {setting_line(doctor, name, fmt::format("max.message.bytes={:.0f}", largest + 100 * record_overhead_bytes))});
            return ok("");
        });
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
            double keeps_s = number(settings, "retention.ms") / 1000;
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
        return fail("the state topic \"" + name + "\" is not compacted: one day Kafka forgets the position",
                    {setting_line(doctor, name, "cleanup.policy=compact")});
    return ok("the state topic \"" + name + "\" has one partition and is compacted");
}

constexpr Check checks[] = {
    {"librdkafka", librdkafka},
    {"kafka-connection", kafka_connection},
    {"brokers", brokers},
    {"certificates", certificates},
    {"topics", topics},
    {"topic-rights", rights},
    {"replicas", replicas},
    {"min-insync", min_insync},
    {"unclean-election", unclean},
    {"max-message-bytes", message_bytes},
    {"compaction", compaction},
    {"retention", retention},
    {"state-topic", state_topic},
};

} // namespace

std::span<const Check> kafka_checks() { return checks; }

// ---- what the checks share

ClusterView &Consultation::connect_to_kafka() { return cluster_.emplace(command_.kafka, signals_); }

ClusterView &Consultation::cluster() {
    if (!cluster_)
        throw Skipped("there is no connection to Kafka");
    return *cluster_;
}

std::vector<std::string> Consultation::topics() {
    cluster();
    if (topics_)
        return *topics_;
    std::vector<std::string> named, there;
    for (std::string_view left = command_.topics; !left.empty();) {
        size_t comma = std::min(left.find(','), left.size());
        named.emplace_back(left.substr(0, comma));
        left.remove_prefix(std::min(comma + 1, left.size()));
    }
    if (command_.kafka.on_poison == OnPoison::dead_letter)
        named.push_back(command_.kafka.dead_letter_topic);
    if (named.empty())
        throw Skipped("--topics names no topic to look at");
    topics_.emplace();
    for (const std::string &name : named) {
        if (!name.ends_with('*')) {
            topics_->push_back(name);
            continue;
        }
        if (there.empty())
            there = cluster().topic_names();
        for (const std::string &topic : there)
            if (topic.starts_with(name.substr(0, name.size() - 1)) && !command_.kafka.is_reserved(topic))
                topics_->push_back(topic);
    }
    topics_->resize(std::min(topics_->size(), topics_max));
    return *topics_;
}

std::string Consultation::kafka_principal() const {
    for (const auto &[property, value] : command_.kafka.properties)
        if (property == "sasl.username")
            return value;
    return "outbox-relay";
}

std::string Consultation::reassign_line(const std::string &topic, size_t partitions, size_t replicas) {
    std::string plan;
    const std::vector<BrokerView> &brokers = cluster().brokers();
    for (size_t partition = 0; partition < partitions; partition++) {
        std::string places;
        for (size_t i = 0; i < replicas; i++)
            places += (i == 0 ? "" : ",") + std::to_string(brokers[(partition + i) % brokers.size()].id);
        plan += fmt::format(R"({}{{"topic":"{}","partition":{},"replicas":[{}]}})", partition == 0 ? "" : ",", topic, partition, places);
    }
    return "kafka-reassign-partitions.sh --bootstrap-server " + command_.kafka.brokers +
           " --execute --reassignment-json-file <(echo '{\"version\":1,\"partitions\":[" + plan + "]}')";
}

// What emit() lets pass at most: the setting of the server, the database or a role, whichever is largest.
double Consultation::largest_event_bytes() {
    std::string most = server().value("SELECT max(pg_size_bytes(split_part(v, '=', 2))) FROM (SELECT unnest(setconfig) AS v, setdatabase "
                                      "FROM pg_db_role_setting) AS s"
                                      " WHERE v ~ '^outbox[.]max_event_bytes=' AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE "
                                      "datname = current_database()))"),
                ours = server().value("SELECT pg_size_bytes(current_setting('outbox.max_event_bytes', true))");
    constexpr double by_default = 900 * 1024;
    double here = ours.empty() ? by_default : strtod(ours.c_str(), nullptr);
    return std::max(here, most.empty() ? 0 : strtod(most.c_str(), nullptr));
}

// Of the oldest event that is not confirmed, looked at where no relay has the slot.
double Consultation::backlog_age_s() {
    if (!slot_value("active_pid").empty())
        throw Skipped("a relay reads from the slot: its lag_seconds says how old the backlog is");
    std::string age = server().value(
        "SELECT date_part('epoch', clock_timestamp() - (data::json ->> 'ts')::timestamptz) FROM pg_logical_slot_peek_changes(" +
        quote_literal(command_.slot) + ", NULL, 1) LIMIT 1");
    return age.empty() ? 0 : strtod(age.c_str(), nullptr);
}

} // namespace outbox
