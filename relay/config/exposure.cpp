#include "config/exposure.h"

#include "base/secret_file.h"
#include "config/dsn.h"
#include "kafka/properties.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <stdexcept>

namespace outbox {
namespace {

using Holders = std::map<std::string, std::string>; // a file, and the secret in it

// The file's mode; 0: there is no such file, or the file is a pipe, which can be read only once.
mode_t mode_of(const std::string &path) {
    struct stat found {};
    return stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) ? found.st_mode : 0;
}

bool others_read(const std::string &path) { return (mode_of(path) & S_IROTH) != 0; }

// The file's name in an origin such as "/etc/outbox-relay.toml:3".
std::string file_of(const std::string &origin) { return origin.substr(0, origin.rfind(':')); }

// Notes the file that holds the property's secret: a file that the property names, or the file in which the property is written.
void note(Holders &holders, const KafkaProperty &property, const std::string &written_in) {
    constexpr std::string_view suffix = "_file";
    const auto &[name, value] = property;
    if (is_secret(name) && name.ends_with(suffix))
        holders[secret_path(value)] = name.substr(0, name.size() - suffix.size());
    else if (name == "ssl.key.location" || name == "ssl.keystore.location")
        holders[value] = name.substr(0, name.rfind('.'));
    else if (is_secret(name) && !written_in.empty())
        holders[written_in] = name;
}

// Reads the property file once more at the start: the target keeps the properties of all sources, and no longer the file of each.
void note_property_file(Holders &holders, const std::string &path) {
    try {
        for (const KafkaProperty &property : read_kafka_property_file(path))
            note(holders, property, path);
    } catch (const std::invalid_argument &) { // the part that needs the file reports the fault
    }
}

void note_config_file(Holders &holders, const Effective &effective, const std::string &config) {
    for (const Setting &row : settings())
        if ((row.traits & secret) != 0)
            for (const Given &each : effective.of(row))
                if (file_of(each.origin) == config && has_password(each.text))
                    holders[config] = "PostgreSQL's password";
}

} // namespace

std::vector<std::string> exposed_secrets(const Effective &effective) {
    Values values = effective.values();
    Holders holders;
    for (const auto &[property, origin] : effective.kafka())
        note(holders, property, file_of(origin));
    for (const std::string &text : values.properties)
        note(holders, parse_kafka_property(text), "");
    if (!values.config.empty())
        note_config_file(holders, effective, values.config);
    if (mode_of(values.property_file) != 0)
        note_property_file(holders, values.property_file);
    if (!values.password_file.empty())
        holders[secret_path(values.password_file)] = "PostgreSQL's password";
    std::vector<std::string> sentences;
    for (const auto &[path, secret] : holders)
        if (others_read(path))
            sentences.push_back("\"" + path + "\" has " + secret + ", and every user of this machine can read it: chmod o-r '" + path +
                                "'");
    return sentences;
}

} // namespace outbox
