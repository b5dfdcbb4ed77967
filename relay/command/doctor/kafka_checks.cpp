// The checks of Kafka's brokers: whether the client reaches each of them, and until when the certificates are valid.
#include "base/log.h"
#include "command/doctor/kafka_words.h"
#include "kafka/broker_features.h"
#include "kafka/librdkafka_version.h"

#include <algorithm>
#include <ctime>

namespace outbox {
namespace {

constexpr int64_t day_s = 86400, soon_s = 30 * day_s;

Finding librdkafka(Consultation &) {
    std::string risk = librdkafka_risk(rd_kafka_version());
    return risk.empty() ? ok(std::string("librdkafka ") + rd_kafka_version_str() + " has no known fault")
                        : warn(risk, {"make LIBRDKAFKA=pinned", "sudo make install"});
}

Finding kafka_connection(Consultation &doctor) {
    if (doctor.command().kafka.brokers.empty())
        throw Skipped("--brokers is not given");
    try {
        ClusterView &cluster = doctor.connect_to_kafka();
        return ok(fmt::format("Kafka answers at {}, and has {} broker{}", doctor.command().kafka.brokers, cluster.brokers().size(),
                              cluster.brokers().size() == 1 ? "" : "s"));
    } catch (const std::runtime_error &error) {
        return fail(error.what(), {}, "see docs/kafka-access.md#why-kafka-is-not-reached");
    }
}

// The cluster tells a client other addresses than those that the client was given.
Finding brokers(Consultation &doctor) {
    for (const BrokerView &broker : doctor.cluster().brokers())
        if (std::string reason = doctor.cluster().try_broker(broker); !reason.empty())
            return fail(fmt::format("broker {} is not reached at {}, where the cluster says it is (advertised.listeners): {}", broker.id,
                                    broker.address, reason),
                        {"nc -vz " + broker.address.substr(0, broker.address.rfind(':')) + " " +
                         broker.address.substr(broker.address.rfind(':') + 1)},
                        "start the broker, or open the way to it");
    return ok("each broker answers at the address that the cluster gives");
}

// A broker of 4.3.0 to 4.4.0 that crashes can forget a commit. Exactly-once delivery waits for that commit until an operator ends its Kafka
// transaction.
Finding kafka_version(Consultation &doctor) {
    constexpr size_t brokers_max = 16;
    const std::vector<BrokerView> &all = doctor.cluster().brokers();
    if (doctor.command().delivery != Delivery::exactly_once)
        throw Skipped("only exactly-once delivery has Kafka transactions");
    size_t looked_at = std::min(all.size(), brokers_max), silent = 0;
    for (size_t i = 0; i < looked_at; i++) {
        std::optional<int> level = ask_metadata_level(all[i].address, doctor.command().kafka.properties);
        if (level && can_forget_commits(*level))
            return warn(
                fmt::format("broker {} is of Kafka 4.3 or 4.4: up to 4.4.0 brokers that crash can forget a commit that they have "
                            "acknowledged (KAFKA-20734), and the relay then waits",
                            all[i].id),
                {}, "use 4.2, or a release after 4.4.0; what to do while it waits: docs/exactly-once.md#when-a-broker-forgets-a-commit");
        silent += !level;
    }
    if (silent == looked_at)
        throw Skipped("no broker tells the version of Kafka");
    return ok("no broker is of Kafka 4.3 or 4.4, which can forget a commit");
}

Finding certificates(Consultation &doctor) {
    std::vector<CertificateView> all = doctor.cluster().certificates();
    if (all.empty())
        throw Skipped("the connection to Kafka has no certificates");
    auto first = std::min_element(all.begin(), all.end(), [](auto &a, auto &b) { return a.ends_at_s < b.ends_at_s; });
    int64_t left_s = first->ends_at_s - time(nullptr);
    std::string said =
        "the certificate of " + first->whose +
        (left_s > 0 ? fmt::format(" expires in {} days", left_s / day_s) : fmt::format(" expired {} days ago", -left_s / day_s));
    if (left_s > soon_s)
        return ok(said);
    return {left_s > 0 ? Verdict::warn : Verdict::fail, said, {}, "replace the certificate; the relay reads the new one by itself"};
}

constexpr Check checks[] = {
    {"librdkafka", librdkafka},       {"kafka-connection", kafka_connection}, {"brokers", brokers},
    {"kafka-version", kafka_version}, {"certificates", certificates},
};

} // namespace

std::span<const Check> kafka_checks() { return checks; }

} // namespace outbox
