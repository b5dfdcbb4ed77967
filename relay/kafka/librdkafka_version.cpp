#include "kafka/librdkafka_version.h"

#include <strings.h>

#include <algorithm>
#include <array>

namespace outbox {

namespace {

constexpr LibrdkafkaVersion release(unsigned major, unsigned minor, unsigned revision) {
    return major << 24 | minor << 16 | revision << 8 | 0xff; // 0xff: a release, below it: its candidates
}

constexpr std::string_view way_out = "Build the relay with its own librdkafka: make LIBRDKAFKA=pinned";

std::string name_of(LibrdkafkaVersion version) {
    return "librdkafka " + std::to_string(version >> 24) + "." + std::to_string(version >> 16 & 0xff) + "." +
           std::to_string(version >> 8 & 0xff);
}

struct Risk {
    LibrdkafkaVersion first; // the first release that has the risk
    LibrdkafkaVersion mended;
    std::string_view effect;
};

constexpr std::array risks{
    Risk{release(2, 4, 0), release(2, 10, 0), "can crash when brokers restart or a topic's metadata has an error (librdkafka#4907)"},
    Risk{release(2, 10, 0), release(2, 10, 1), "can fail to find a broker again after all brokers were away (librdkafka#5088)"},
};

bool starts_with_scram(std::string_view mechanisms) {
    constexpr std::string_view scram = "SCRAM-";
    mechanisms.remove_prefix(std::min(mechanisms.find_first_not_of(' '), mechanisms.size()));
    return mechanisms.size() >= scram.size() && strncasecmp(mechanisms.data(), scram.data(), scram.size()) == 0;
}

} // namespace

// Before 2.6.1 the last message of a SCRAM login has a wrong nonce (librdkafka#4895), which brokers refuse since Kafka 3.8.1.
std::string librdkafka_refusal(LibrdkafkaVersion version, std::string_view sasl_mechanisms) {
    constexpr LibrdkafkaVersion mended = release(2, 6, 1);
    if (version >= mended || !starts_with_scram(sasl_mechanisms))
        return {};
    return name_of(version) + " cannot log in by SCRAM to Kafka 3.8.1, 4.0 and later: " + name_of(mended) + " or newer is needed. " +
           std::string(way_out) + ", or choose another of sasl.mechanisms";
}

std::string librdkafka_risk(LibrdkafkaVersion version) {
    for (const Risk &risk : risks)
        if (version >= risk.first && version < risk.mended)
            return name_of(version) + " " + std::string(risk.effect) + "; " + name_of(risk.mended) + " mends it. " + std::string(way_out);
    return {};
}

} // namespace outbox
