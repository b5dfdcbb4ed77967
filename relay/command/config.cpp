#include "command/config.h"

#include "config/dsn.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <iostream>

namespace outbox {
namespace {

constexpr const char *hidden = "***";

struct Shown {
    std::string key, value, origin;
    bool is_bare = false; // a number, true or false
};

std::string value_of(const Setting &row, const std::vector<Given> &given) {
    if (given.empty())
        return row.target.toggle != nullptr ? "false" : "";
    const std::string &text = given.back().text;
    if (row.target.toggle != nullptr) {
        Values values;
        assign_text(values, row, text);
        return values.*row.target.toggle ? "true" : "false";
    }
    return std::string_view(row.key) == "dsn" ? without_secrets(text) : text;
}

std::vector<Shown> settings_of(const Effective &effective) {
    std::vector<Shown> shown;
    for (const Setting &row : settings()) {
        std::string key = std::string_view(row.key) == "config" ? row.key : key_of(row);
        if (key.empty())
            continue;
        const std::vector<Given> &given = effective.of(row);
        bool is_bare = row.target.toggle != nullptr || (row.traits & number) != 0;
        shown.push_back({key, value_of(row, given), given.empty() ? "default" : given.back().origin, is_bare});
    }
    return shown;
}

void add_property(std::vector<Shown> &shown, const KafkaProperty &property, const std::string &origin) {
    std::erase_if(shown, [&](const Shown &each) { return each.key == property.first; });
    shown.push_back({property.first, is_secret(property.first) ? hidden : property.second, origin});
}

// The properties in the order of their strength, so that the last one of a name counts.
std::vector<Shown> properties_of(const Effective &effective) {
    std::vector<Shown> shown;
    Values values = effective.values();
    for (const auto &[property, origin] : effective.kafka())
        add_property(shown, property, origin);
    if (!values.property_file.empty())
        for (const KafkaProperty &property : read_kafka_property_file(values.property_file))
            add_property(shown, property, values.property_file);
    for (const Setting &row : settings())
        if (std::string_view(row.key) == "property")
            for (const Given &given : effective.of(row))
                add_property(shown, parse_kafka_property(given.text), given.origin);
    return shown;
}

// The text as a TOML string: JSON's strings are TOML's, but for a delete character.
std::string quoted(const std::string &text) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    return {buffer.GetString(), buffer.GetSize()};
}

void print_toml(const std::vector<Shown> &all, bool with_origin, bool quotes_keys) {
    for (const Shown &each : all) {
        std::string line = (quotes_keys ? quoted(each.key) : each.key) + " = " + (each.is_bare ? each.value : quoted(each.value));
        bool is_comment = each.value.empty() || each.key == "config"; // a setting that is not set, or has no key in a file
        std::cout << (is_comment ? "# " : "") << line << (with_origin ? "  # " + each.origin : "") << '\n';
    }
}

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void write_json(Writer &json, const std::vector<Shown> &all) {
    for (const Shown &each : all) {
        json.Key(each.key.c_str());
        json.StartObject();
        json.Key("value");
        if (each.value.empty())
            json.Null();
        else if (each.is_bare)
            json.RawValue(each.value.c_str(), each.value.size(), rapidjson::kNumberType);
        else
            json.String(each.value.c_str());
        json.Key("origin");
        json.String(each.origin.c_str());
        json.EndObject();
    }
}

void print_json(const std::vector<Shown> &all, const std::vector<Shown> &kafka) {
    rapidjson::StringBuffer buffer;
    Writer json(buffer);
    json.StartObject();
    write_json(json, all);
    json.Key("kafka");
    json.StartObject();
    write_json(json, kafka);
    json.EndObject();
    json.EndObject();
    std::cout << buffer.GetString() << '\n';
}

} // namespace

void show_config(const ShowConfigCommand &command) {
    std::vector<Shown> all = settings_of(command.effective), kafka;
    try {
        kafka = properties_of(command.effective);
    } catch (const std::invalid_argument &error) {
        throw Failure(ExitCode::usage, error.what());
    }
    if (command.json)
        return print_json(all, kafka);
    print_toml(all, command.origin, false);
    std::cout << "\n[kafka]\n";
    print_toml(kafka, command.origin, true);
}

void say_config_is_good() { std::cout << "the settings are valid; no connection was made\n"; }

} // namespace outbox
