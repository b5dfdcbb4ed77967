#include "config/protection.h"

#include "config/values.h"
#include "postgres/hosts.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace outbox {
namespace {

bool all_local(std::string_view brokers) {
    for (size_t start = 0; start <= brokers.size();) {
        size_t end = std::min(brokers.find(',', start), brokers.size());
        std::string_view host = brokers.substr(start, end - start);
        start = end + 1;
        if (size_t colon = host.rfind(':'); colon != std::string_view::npos && !host.ends_with(']'))
            host = host.substr(0, colon);
        strip_brackets(host);
        if (!is_local({std::string(host), "", ""}))
            return false;
    }
    return true;
}

// The property's last value in lower case, or else `value`.
std::string value_of(const std::vector<KafkaProperty> &properties, std::string_view name, std::string value) {
    value = last_value(properties, name, std::move(value));
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return tolower(c); });
    return value;
}

} // namespace

std::string postgres_risk(const std::string &sslmode, bool is_local) {
    if (is_local || sslmode == "verify-full" || sslmode == "verify-ca")
        return "";
    if (sslmode == "require")
        return "the connection to PostgreSQL is encrypted, but nobody checks which server answers (sslmode=require); sslmode=verify-full "
               "does";
    return "the connection to PostgreSQL may be in plain text, and nobody checks which server answers (sslmode=" + sslmode +
           "); sslmode=verify-full encrypts and checks";
}

std::string kafka_risk(const std::string &brokers, const std::vector<KafkaProperty> &properties) {
    if (brokers.empty() || all_local(brokers))
        return "";
    std::string protocol = value_of(properties, "security.protocol", "plaintext");
    if (protocol == "plaintext")
        return "what goes to Kafka is in plain text, and nobody checks which broker answers (security.protocol=plaintext); "
               "security.protocol=ssl or sasl_ssl encrypts and checks";
    if (protocol == "sasl_plaintext")
        return "what goes to Kafka is in plain text, the login as well (security.protocol=sasl_plaintext); security.protocol=sasl_ssl "
               "encrypts";
    bool is_checked = value_of(properties, "enable.ssl.certificate.verification", "true") == "true" &&
                      value_of(properties, "ssl.endpoint.identification.algorithm", "https") == "https";
    return is_checked ? ""
                      : "the connection to Kafka is encrypted, but nobody checks which broker answers; leave out "
                        "enable.ssl.certificate.verification and ssl.endpoint.identification.algorithm";
}

} // namespace outbox
