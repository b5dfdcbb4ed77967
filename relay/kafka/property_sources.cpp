#include "kafka/property_sources.h"

#include "base/secret_file.h"

#include <stdexcept>

namespace outbox {
namespace {

constexpr std::string_view file_suffix = "_file";

// Replaces a property such as "sasl.password_file" by the secret in the file. librdkafka has no property with such a name.
KafkaProperty with_secret(const KafkaProperty &property) {
    const auto &[name, value] = property;
    if (!name.ends_with(file_suffix) || !is_secret(name))
        return property;
    try {
        return {name.substr(0, name.size() - file_suffix.size()), read_secret_file(value)};
    } catch (const std::invalid_argument &error) {
        throw std::invalid_argument("property \"" + name + "\": " + error.what());
    }
}

} // namespace

std::vector<KafkaProperty> gather_properties(const std::vector<KafkaProperty> &base, const std::string &property_file,
                                             const std::vector<KafkaProperty> &own) {
    std::vector<KafkaProperty> properties, of_file;
    if (!property_file.empty())
        of_file = read_kafka_property_file(property_file);
    for (const std::vector<KafkaProperty> *source : std::initializer_list<const std::vector<KafkaProperty> *>{&base, &of_file, &own})
        for (const KafkaProperty &property : *source)
            properties.push_back(with_secret(property));
    return properties;
}

} // namespace outbox
