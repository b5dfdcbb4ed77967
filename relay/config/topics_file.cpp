#include "config/topics_file.h"

#include "base/nearest.h"
#include "base/small_file.h"
#include "config/toml.h"
#include "config/values.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace outbox {
namespace {

constexpr size_t topics_max = 1000;

struct Key {
    const char *name;
    int TopicSpec::*member;
    int64_t most;
};
constexpr Key keys[] = {{"partitions", &TopicSpec::partitions, 100000},
                        {"replication_factor", &TopicSpec::replicas, 32767},
                        {"min_insync_replicas", &TopicSpec::min_insync, 32767}};

class Reader {
public:
    explicit Reader(const std::string &name) : name_(name) {}

    std::vector<TopicSpec> read(const toml::table &table) {
        TopicSpec for_all;
        for (const auto &[key, node] : in_order(table))
            if (!node->is_table())
                take(for_all, std::string(key), *node);
        read_tables(table, "", for_all);
        if (topics_.empty())
            throw std::invalid_argument(name_ + ": expected a table for each topic, such as [orders]");
        return std::move(topics_);
    }

private:
    [[noreturn]] void complain(const toml::node &node, const std::string &words) const {
        throw std::invalid_argument(name_ + ":" + std::to_string(node.source().begin.line) + ": " + words);
    }

    void take(TopicSpec &topic, const std::string &key, const toml::node &node) const {
        const Key *found = std::find_if(std::begin(keys), std::end(keys), [&](const Key &each) { return each.name == key; });
        if (found == std::end(keys)) {
            std::vector<std::string> known;
            for (const Key &each : keys)
                known.emplace_back(each.name);
            complain(node, "\"" + printable(key) + "\" is no setting of a topic; the nearest that is: " + nearest(key, known));
        }
        std::optional<int64_t> value = node.is_integer() ? node.value<int64_t>() : std::nullopt;
        if (!value || *value < 1 || *value > found->most)
            complain(node, fmt::format("{}: expected a number from 1 to {}", key, found->most));
        topic.*found->member = static_cast<int>(*value);
    }

    // Reads the tables of topics. A dot in a table's name belongs to the topic's name. A table with tables only is the beginning of their
    // names.
    void read_tables(const toml::table &table, const std::string &prefix, const TopicSpec &for_all) {
        for (const auto &[key, node] : in_order(table)) {
            const toml::table *inner = node->as_table();
            if (inner == nullptr)
                continue;
            std::string name = prefix + std::string(key);
            bool only_begins =
                !inner->empty() && std::all_of(inner->begin(), inner->end(), [](const auto &each) { return each.second.is_table(); });
            if (!only_begins)
                add(name, *inner, for_all);
            read_tables(*inner, name + ".", for_all);
        }
    }

    void add(const std::string &name, const toml::table &table, const TopicSpec &for_all) {
        if (std::string reason = check_topic(name); !reason.empty())
            complain(table, reason);
        TopicSpec topic = for_all;
        topic.name = name;
        for (const auto &[key, node] : in_order(table))
            if (!node->is_table())
                take(topic, std::string(key), *node);
        if (topic.replicas > 0 && topic.min_insync > topic.replicas)
            complain(table, fmt::format("topic \"{}\": min_insync_replicas is {} and must not be larger than replication_factor, {}", name,
                                        topic.min_insync, topic.replicas));
        for (const TopicSpec &other : topics_)
            if (is_same_topic(other.name, name))
                complain(table, fmt::format(R"(topics "{}" and "{}": for Kafka "." and "_" are the same)", other.name, name));
        if (topics_.size() >= topics_max)
            complain(table, fmt::format("expected at most {} topics", topics_max));
        topics_.push_back(std::move(topic));
    }

    const std::string &name_;
    std::vector<TopicSpec> topics_;
};

} // namespace

std::vector<TopicSpec> parse_topics(std::string_view text, const std::string &name) { return Reader(name).read(parse_toml(text, name)); }

std::vector<TopicSpec> read_topics_file(const std::string &path) { return parse_topics(read_small_file(path), path); }

} // namespace outbox
