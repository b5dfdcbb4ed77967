#include "command/doctor/kafka_words.h"

#include "base/log.h"
#include "kafka/topic_names.h"

#include <algorithm>
#include <cstdlib>

namespace outbox {
namespace {

constexpr size_t topics_max = 100; // topics that a check looks at

} // namespace

std::string kafka_tool(Consultation &doctor, const std::string &tool, const std::string &arguments) {
    return tool + ".sh --bootstrap-server " + doctor.command().kafka.brokers + " " + arguments;
}

std::string setting_line(Consultation &doctor, const std::string &topic, const std::string &setting) {
    return kafka_tool(doctor, "kafka-configs", "--alter --entity-type topics --entity-name " + topic + " --add-config " + setting);
}

double figure_of(const TopicSettings &settings, const char *name) {
    auto found = settings.find(name);
    return found == settings.end() ? 0 : strtod(found->second.c_str(), nullptr);
}

bool says(const TopicSettings &settings, const char *name, std::string_view word) {
    auto found = settings.find(name);
    return found != settings.end() && found->second.find(word) != std::string::npos;
}

// ---- for all checks

ClusterView &Consultation::connect_to_kafka() { return cluster_.emplace(command_.kafka, signals_); }

ClusterView &Consultation::cluster() {
    if (!cluster_)
        throw Skipped("there is no connection to Kafka");
    return *cluster_;
}

// The names in outbox.topics, where the table is there and this role may read it.
std::vector<std::string> Consultation::declared_topics() {
    std::vector<std::string> names;
    if (server_ && server_->is_true("SELECT COALESCE(has_table_privilege(to_regclass('outbox.topics'), 'SELECT'), false)"))
        for (const Server::Row &row : server_->rows("SELECT name FROM outbox.topics ORDER BY 1"))
            names.push_back(row[0]);
    return names;
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
    if (named.empty())
        named = declared_topics();
    if (named.empty() && command_.kafka.on_poison != OnPoison::dead_letter)
        throw Skipped("neither --topics nor outbox.topics names a topic to look at");
    topics_.emplace();
    const RecordStyle &style = command_.kafka.style;
    for (const std::string &name : named) {
        if (!name.ends_with('*')) {
            topics_->push_back(name_in_kafka(style, name));
            continue;
        }
        if (there.empty())
            there = cluster().topic_names();
        std::string begin = style.before_topic + name.substr(0, name.size() - 1);
        for (const std::string &topic : there)
            if (topic.size() > begin.size() + style.after_topic.size() && topic.starts_with(begin) && topic.ends_with(style.after_topic) &&
                !command_.kafka.is_own_topic(topic))
                topics_->push_back(topic);
    }
    if (command_.kafka.on_poison == OnPoison::dead_letter)
        topics_->push_back(command_.kafka.dead_letter_topic);
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

// The most bytes of an event that emit() accepts: the largest setting of the server, the database or a role.
double Consultation::largest_event_bytes() {
    std::string most = server().value("SELECT max(pg_size_bytes(split_part(v, '=', 2))) FROM (SELECT unnest(setconfig) AS v, setdatabase "
                                      "FROM pg_db_role_setting) AS s"
                                      " WHERE v ~ '^outbox[.]max_event_bytes=.' AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE "
                                      "datname = current_database()))"),
                ours = server().value("SELECT pg_size_bytes(NULLIF(current_setting('outbox.max_event_bytes', true), ''))");
    constexpr double by_default = 900 * 1024;
    double here = ours.empty() ? by_default : strtod(ours.c_str(), nullptr);
    return std::max(here, most.empty() ? 0 : strtod(most.c_str(), nullptr));
}

} // namespace outbox
