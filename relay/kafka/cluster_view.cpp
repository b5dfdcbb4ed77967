#include "kafka/cluster_view.h"

#include "base/destroy.h"
#include "kafka/metadata.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <stdexcept>

namespace outbox {
namespace {

constexpr int slice_ms = 200; // a slice of a wait in librdkafka, so that a signal is seen soon
constexpr int answer_ms = 5000;
constexpr auto patience = std::chrono::milliseconds(answer_ms);

using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Answer = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Certificate = std::unique_ptr<X509, Destroy<X509_free>>;

int64_t end_of(const X509 &certificate) {
    tm end = {};
    return ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) == 1 ? static_cast<int64_t>(timegm(&end)) : 0;
}

// Waits for the answer to a request of the Admin API.
Answer await(rd_kafka_queue_t *queue, Signals &signals, const char *what) {
    for (int waited_ms = 0; waited_ms < answer_ms + slice_ms; waited_ms += slice_ms) {
        Answer answer(rd_kafka_queue_poll(queue, slice_ms));
        signals.stop_if_asked();
        if (!answer)
            continue;
        if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw std::runtime_error(std::string(what) + ": " + rd_kafka_event_error_string(answer.get()));
        return answer;
    }
    throw std::runtime_error(std::string(what) + ": no answer");
}

} // namespace

// Makes a client that verifies certificates as librdkafka does by itself, and notes each certificate.
KafkaHandle ClusterView::connect(const std::string &brokers, Connections &kafka) {
    KafkaConf conf = make_kafka_conf(brokers, target_.properties);
    rd_kafka_conf_set_ssl_cert_verify_cb(conf.get(), note_certificate);
    std::string error;
    KafkaHandle handle = make_kafka_client(RD_KAFKA_PRODUCER, std::move(conf), error, &kafka);
    if (!handle)
        throw std::runtime_error("cannot create a Kafka client: " + error);
    return handle;
}

int ClusterView::note_certificate(rd_kafka_t *, const char *broker, int32_t, int *error, int depth, const char *der, size_t size, char *,
                                  size_t, void *self) {
    auto *bytes = reinterpret_cast<const unsigned char *>(der);
    Certificate certificate(d2i_X509(nullptr, &bytes, static_cast<long>(size)));
    if (depth == 0 && certificate) {
        auto *shown = static_cast<Connections *>(static_cast<Reachability *>(self));
        std::lock_guard guard(shown->mutex);
        shown->ends_at_s[broker] = end_of(*certificate);
    }
    return *error == X509_V_OK ? 1 : 0;
}

ClusterView::ClusterView(const KafkaTarget &target, Signals &signals) : target_(target), signals_(signals) {
    handle_ = connect(target.brokers, kafka_);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    ask_until(patience, handle_.get(), kafka_, signals_, [&](int wait_ms) {
        Metadata metadata = ask_metadata(handle_.get(), Asked::brokers, wait_ms, error);
        for (int i = 0; metadata && i < metadata->broker_cnt; i++)
            brokers_.push_back(
                {metadata->brokers[i].id, std::string(metadata->brokers[i].host) + ":" + std::to_string(metadata->brokers[i].port)});
        return !brokers_.empty();
    });
    if (brokers_.empty())
        throw std::runtime_error(kafka_.is_away() ? kafka_.sentence()
                                                  : "Kafka does not answer at " + target.brokers + ": " + rd_kafka_err2str(error));
}

std::vector<std::string> ClusterView::topic_names() {
    rd_kafka_resp_err_t error;
    Metadata metadata = ask_metadata(handle_.get(), Asked::all_topics, answer_ms, error);
    if (!metadata)
        throw std::runtime_error(std::string("cannot list the topics: ") + rd_kafka_err2str(error));
    std::vector<std::string> names;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (std::string name = metadata->topics[i].topic; !name.starts_with("__"))
            names.push_back(name);
    return names;
}

TopicView ClusterView::topic(const std::string &name) {
    rd_kafka_resp_err_t error;
    Topic handle(rd_kafka_topic_new(handle_.get(), name.c_str(), nullptr));
    Metadata metadata = ask_metadata(handle_.get(), handle.get(), answer_ms, error);
    if (!metadata || metadata->topic_cnt != 1)
        throw std::runtime_error("topic \"" + name + "\": " + rd_kafka_err2str(error));
    const rd_kafka_metadata_topic_t &found = metadata->topics[0];
    TopicView view;
    view.name = name;
    view.is_missing = found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    view.problem = found.err == RD_KAFKA_RESP_ERR_NO_ERROR ? "" : rd_kafka_err2str(found.err);
    view.partitions = static_cast<size_t>(found.partition_cnt);
    for (int i = 0; i < found.partition_cnt; i++) {
        const rd_kafka_metadata_partition_t &partition = found.partitions[i];
        auto replicas = static_cast<size_t>(partition.replica_cnt), in_sync = static_cast<size_t>(partition.isr_cnt);
        view.replicas = i == 0 ? replicas : std::min(view.replicas, replicas);
        view.in_sync = i == 0 ? in_sync : std::min(view.in_sync, in_sync);
        view.leaderless += partition.leader < 0;
    }
    return view;
}

std::map<std::string, std::string> ClusterView::topic_settings(const std::string &name) {
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str());
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>> owned(resource);
    Queue queue(rd_kafka_queue_new(handle_.get()));
    rd_kafka_DescribeConfigs(handle_.get(), &resource, 1, nullptr, queue.get());
    Answer answer = await(queue.get(), signals_, "cannot read the topic's settings");
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer.get()), &count);
    if (count != 1 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error("cannot read the settings of topic \"" + name +
                                 "\": " + (count == 1 ? rd_kafka_err2str(rd_kafka_ConfigResource_error(resources[0])) : "no answer"));
    std::map<std::string, std::string> settings;
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resources[0], &entries);
    for (size_t i = 0; i < entries; i++)
        if (const char *value = rd_kafka_ConfigEntry_value(entry[i]); value != nullptr)
            settings[rd_kafka_ConfigEntry_name(entry[i])] = value;
    return settings;
}

std::string ClusterView::try_broker(const BrokerView &broker) {
    Connections kafka;
    KafkaHandle handle = connect(broker.address, kafka);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool is_answered = ask_until(patience, handle.get(), kafka, signals_,
                                 [&](int wait_ms) { return ask_metadata(handle.get(), Asked::brokers, wait_ms, error) != nullptr; });
    return is_answered ? "" : reason_of(kafka, error);
}

std::optional<bool> ClusterView::may_write(const std::string &topic) {
#if RD_KAFKA_VERSION < 0x02030000
    (void)topic;
    return std::nullopt;
#else
    const char *names[] = {topic.c_str()};
    std::unique_ptr<rd_kafka_TopicCollection_t, Destroy<rd_kafka_TopicCollection_destroy>> topics(
        rd_kafka_TopicCollection_of_topic_names(names, 1));
    std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>> options(
        rd_kafka_AdminOptions_new(handle_.get(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS));
    if (rd_kafka_error_t *error = rd_kafka_AdminOptions_set_include_authorized_operations(options.get(), 1); error != nullptr) {
        rd_kafka_error_destroy(error);
        return std::nullopt;
    }
    Queue queue(rd_kafka_queue_new(handle_.get()));
    rd_kafka_DescribeTopics(handle_.get(), topics.get(), options.get(), queue.get());
    Answer answer = await(queue.get(), signals_, "cannot read the ACLs of a topic");
    size_t count = 0;
    const rd_kafka_TopicDescription_t **found =
        rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(answer.get()), &count);
    if (count != 1)
        return std::nullopt;
    if (const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(found[0]);
        error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            return false;
        throw std::runtime_error("topic \"" + topic + "\": " + rd_kafka_error_string(error));
    }
    size_t operations = 0;
    const rd_kafka_AclOperation_t *allowed = rd_kafka_TopicDescription_authorized_operations(found[0], &operations);
    return std::any_of(allowed, allowed + operations, [](rd_kafka_AclOperation_t each) {
        return each == RD_KAFKA_ACL_OPERATION_WRITE || each == RD_KAFKA_ACL_OPERATION_ALL;
    });
#endif
}

std::vector<CertificateView> ClusterView::certificates() {
    std::vector<CertificateView> all;
    {
        std::lock_guard guard(kafka_.mutex);
        for (const auto &[broker, end] : kafka_.ends_at_s)
            all.push_back({"broker " + broker, end});
    }
    for (const auto &[property, value] : target_.properties) {
        if (property != "ssl.certificate.location" && property != "ssl.ca.location")
            continue;
        std::unique_ptr<FILE, Destroy<fclose>> file(fopen(value.c_str(), "re"));
        Certificate certificate(file ? PEM_read_X509(file.get(), nullptr, nullptr, nullptr) : nullptr);
        if (certificate)
            all.push_back({property + " " + value, end_of(*certificate)});
    }
    return all;
}

} // namespace outbox
