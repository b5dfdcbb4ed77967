// What a Kafka cluster says of itself, for commands that look and change nothing: brokers, topics with their partitions, settings, and what
// this client may do. Each question waits five seconds at most. Tested by test/t/141_doctor_kafka.t.
#pragma once

#include "base/signals.h"
#include "core/clock.h"
#include "kafka/properties.h"
#include "kafka/reachability.h"
#include "kafka/target.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct BrokerView {
    int32_t id;
    std::string address; // host:port, as the cluster advertises it
};

struct TopicView {
    std::string name;
    std::string problem; // why it cannot be used, in Kafka's words; empty: nothing
    bool is_missing = false;
    size_t partitions = 0;
    size_t replicas = 0; // the fewest of any partition
    size_t in_sync = 0;  // the same
    size_t leaderless = 0;
};

// When a certificate that was shown or is used ends, in seconds since 1970, and whose it is.
struct CertificateView {
    std::string whose;
    int64_t ends_at_s;
};

class ClusterView {
public:
    // Connects. Throws std::runtime_error with the reason why nobody answers, Interrupted.
    ClusterView(const KafkaTarget &target, Signals &signals);

    const std::vector<BrokerView> &brokers() const { return brokers_; }
    std::vector<std::string> topic_names(); // but for Kafka's own
    TopicView topic(const std::string &name);

    // The settings in force. Throw std::runtime_error, with Kafka's words.
    std::map<std::string, std::string> topic_settings(const std::string &name);

    // Why this broker alone does not answer; empty: it does.
    std::string try_broker(const BrokerView &broker);

    // Whether this client may write to the topic, by the brokers' own rules; nullopt: this librdkafka cannot ask.
    std::optional<bool> may_write(const std::string &topic);

    // Those that brokers have shown, and the client's own, one each.
    std::vector<CertificateView> certificates();

private:
    // What one client says of its connections, and the certificates that it was shown. A client's opaque pointer is its Reachability, so
    // the callback finds the certificates from there. librdkafka's threads fill them.
    struct Connections : Reachability {
        std::mutex mutex;
        std::map<std::string, int64_t> ends_at_s;
    };

    KafkaHandle connect(const std::string &brokers, Connections &kafka);
    static int note_certificate(rd_kafka_t *, const char *broker, int32_t, int *, int depth, const char *der, size_t size, char *, size_t,
                                void *self);

    const KafkaTarget &target_;
    Signals &signals_;
    Connections kafka_;
    KafkaHandle handle_;
    std::vector<BrokerView> brokers_;
};

} // namespace outbox
