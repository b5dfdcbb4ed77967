// A Kafka cluster's description of itself, for commands that look and change nothing: brokers, topics with their partitions, settings, and
// the rights of this client. Each question waits five seconds at most. Tested by test/t/141_doctor_kafka.t.
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
    std::string problem; // why the topic cannot be used, in Kafka's words; empty: it can
    bool is_missing = false;
    size_t partitions = 0;
    size_t replicas = 0; // of the partition with the fewest
    size_t in_sync = 0;  // of the partition with the fewest
    size_t leaderless = 0;
};

// A certificate that a broker has shown or that the client uses: its end in seconds since 1970, and its owner.
struct CertificateView {
    std::string whose;
    int64_t ends_at_s;
};

class ClusterView {
public:
    // Connects. Throws std::runtime_error with the reason why no broker answers, Interrupted.
    ClusterView(const KafkaTarget &target, Signals &signals);

    const std::vector<BrokerView> &brokers() const { return brokers_; }
    std::vector<std::string> topic_names(); // without Kafka's own topics
    TopicView topic(const std::string &name);

    // The settings in force. Throws std::runtime_error with Kafka's words.
    std::map<std::string, std::string> topic_settings(const std::string &name);

    // Connects to this broker alone. Returns why the broker does not answer; empty: it answers.
    std::string try_broker(const BrokerView &broker);

    // Whether this client may write to the topic, as the brokers say; nullopt: this librdkafka cannot ask.
    std::optional<bool> may_write(const std::string &topic);

    // The certificates that brokers have shown, and the client's own, one for each owner.
    std::vector<CertificateView> certificates();

private:
    // The state of one client's connections, and the certificates that the client was shown. The client's opaque pointer is the
    // Reachability, from which the callback finds the certificates. librdkafka's threads fill them.
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
