#include "config/file.h"

#include "base/nearest.h"
#include "base/small_file.h"
#include "config/toml.h"
#include "config/values.h"

#include <optional>
#include <utility>

namespace outbox {
namespace {

class Reader {
public:
    explicit Reader(std::string name) : name_(std::move(name)) {}

    ConfigFile read(std::string_view text) {
        try {
            read_settings(parse_toml(text, name_));
        } catch (const std::invalid_argument &error) {
            file_.problem = error.what();
        }
        return std::move(file_);
    }

private:
    std::string place_of(const toml::node &node) const { return name_ + ":" + std::to_string(node.source().begin.line); }

    void complain(const toml::node &node, const std::string &words) {
        if (file_.problem.empty())
            file_.problem = place_of(node) + ": " + words;
    }

    void read_settings(const toml::table &table) {
        for (const auto &[name, node] : in_order(table)) {
            std::string key(name);
            const Setting *setting = setting_of(key);
            if (key == "kafka" && node->is_table())
                read_properties(*node->as_table(), "");
            else if (key == "kafka")
                complain(*node, "kafka: expected a table, [kafka]");
            else if (setting == nullptr)
                complain(*node,
                         "\"" + printable(key) + "\" is no setting of outbox-relay; the nearest that is: " + nearest(key, known_keys()));
            else if (std::optional<std::string> text = text_of(*setting, *node))
                take(*setting, *node, *text);
        }
    }

    // Reads the properties of librdkafka. A property's name with dots is a table within a table in TOML.
    void read_properties(const toml::table &table, const std::string &prefix) {
        for (const auto &[name, node] : in_order(table)) {
            std::string property = prefix + std::string(name);
            if (node->is_table())
                read_properties(*node->as_table(), property + ".");
            else if (std::optional<std::string> text = scalar_text(*node))
                file_.kafka.push_back({{property, *text}, place_of(*node)});
            else
                complain(*node, "[kafka] \"" + printable(property) + "\": expected a text in quotes, a number, true or false");
        }
    }

    void take(const Setting &setting, const toml::node &node, const std::string &text) {
        if (std::string reason = check_text(setting, text); !reason.empty())
            return complain(node, key_of(setting) + ": " + reason);
        file_.given.push_back({&setting, text, place_of(node)});
    }

    // The value's text; nullopt, with a problem noted, where the value has another type.
    std::optional<std::string> text_of(const Setting &setting, const toml::node &node) {
        bool is_toggle = setting.target.toggle != nullptr, is_number = (setting.traits & number) != 0,
             may_be_many = (setting.traits & words) != 0;
        const char *expected = is_toggle     ? "true or false"
                               : is_number   ? "a number"
                               : may_be_many ? "a text in quotes, or an array of them"
                                             : "a text in quotes";
        if (is_toggle ? node.is_boolean() : is_number ? node.is_integer() : node.is_string())
            return scalar_text(node);
        if (const toml::array *array = node.as_array(); may_be_many && array != nullptr && array->is_homogeneous<std::string>()) {
            std::string all;
            for (const toml::node &each : *array)
                all += (all.empty() ? "" : ",") + *each.value<std::string>();
            return all;
        }
        complain(node, key_of(setting) + ": expected " + expected);
        return {};
    }

    static std::optional<std::string> scalar_text(const toml::node &node) {
        if (node.is_boolean())
            return *node.value<bool>() ? "true" : "false";
        if (node.is_integer())
            return std::to_string(*node.value<int64_t>());
        if (node.is_floating_point())
            return fmt::format("{}", *node.value<double>());
        return node.value<std::string>();
    }

    static const Setting *setting_of(const std::string &key) {
        for (const Setting &row : settings())
            if (!key.empty() && key_of(row) == key)
                return &row;
        return nullptr;
    }

    static std::vector<std::string> known_keys() {
        std::vector<std::string> keys = {"[kafka]"};
        for (const Setting &row : settings())
            if (std::string key = key_of(row); !key.empty())
                keys.push_back(key);
        return keys;
    }

    std::string name_;
    ConfigFile file_;
};

} // namespace

ConfigFile parse_config(std::string_view text, const std::string &name) { return Reader(name).read(text); }

ConfigFile read_config_file(const std::string &path) {
    try {
        return parse_config(read_small_file(path), path);
    } catch (const std::invalid_argument &error) {
        ConfigFile none;
        none.problem = error.what();
        return none;
    }
}

} // namespace outbox
