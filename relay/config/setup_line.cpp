#include "config/setup_line.h"

#include "base/shell_quoted.h"
#include "postgres/conninfo.h"

namespace outbox {

std::string setup_line(const std::string &dsn, const std::string &slot, const std::string &topics, const KafkaTarget &kafka) {
    std::string line = "outbox-relay setup --dsn " + shell_quoted(public_conninfo(dsn)) + " --slot " + slot;
    if (!topics.empty())
        line += " --topics " + shell_quoted(topics);
    if (!kafka.exactly_once)
        return line;
    line += " --delivery exactly-once --brokers " + shell_quoted(kafka.brokers);
    if (kafka.state_topic != KafkaTarget().state_topic)
        line += " --state-topic " + kafka.state_topic;
    if (!kafka.property_file.empty())
        line += " --property-file " + shell_quoted(kafka.property_file);
    for (const auto &[property, value] : kafka.own_properties)
        if (!is_secret(property))
            line += " -X " + shell_quoted(property + "=" + value);
    return line;
}

} // namespace outbox
