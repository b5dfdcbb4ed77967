#include "config/commands.h"

#include "config/values.h"

namespace outbox {

DoctorCommand doctor_command(const Values &values, Login login, KafkaTarget kafka) {
    return {.login = std::move(login),
            .slot = values.slot,
            .topics = values.topics,
            .delivery = values.delivery,
            .kafka = std::move(kafka),
            .probe = values.probe,
            .standby = values.standby,
            .relay = relay_address(values),
            .json = values.json};
}

DrainCommand drain_command(const Values &values, Login login) {
    return {
        .login = std::move(login), .slot = values.slot, .until = parse_lsn(values.until), .timeout = values.timeout, .json = values.json};
}

TailCommand tail_command(const Values &values, Login login) {
    return {.login = std::move(login),
            .slot = values.slot,
            .topics = values.topics,
            .limit = values.limit,
            .sample = values.sample,
            .since_confirmed = values.since_confirmed,
            .json = values.json};
}

std::optional<Endpoint> relay_address(const Values &values) {
    std::optional<Endpoint> endpoint = parse_endpoint(values.listen);
    if (!endpoint || endpoint->port == 0)
        return std::nullopt;
    if (endpoint->host == "0.0.0.0")
        endpoint->host = "127.0.0.1";
    if (endpoint->host == "::")
        endpoint->host = "::1";
    return endpoint;
}

StatusCommand status_command(const Values &values, Login login) {
    return {.login = std::move(login), .slot = values.slot, .relay = relay_address(values), .watch = values.watch, .json = values.json};
}

DeadLettersCommand dead_letters_command(const Values &values, KafkaTarget kafka) {
    if (values.brokers.empty())
        throw std::invalid_argument("dead-letters needs --brokers host:port,… (OUTBOX_BROKERS)");
    constexpr uint64_t by_default = 100;
    return {.kafka = std::move(kafka), .topic = values.topic, .limit = values.limit == 0 ? by_default : values.limit, .json = values.json};
}

} // namespace outbox
