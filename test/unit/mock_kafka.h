// librdkafka's mock cluster: a broker whose answers the test chooses. The mock has no transaction markers, so every record is visible at
// once, also one that is aborted later; and it fences no producer.
#pragma once

// clang-format off: the second needs the first
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
// clang-format on

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace outbox {

class MockKafka {
public:
    enum Request : int16_t { produce = 0, fetch = 1, metadata = 3, init_producer_id = 22, add_partitions_to_txn = 24, end_txn = 26 };

    explicit MockKafka(std::initializer_list<const char *> topics) {
        owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
        cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
        for (const char *topic : topics)
            rd_kafka_mock_topic_create(cluster_, topic, 1, 1);
    }
    ~MockKafka() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(owner_);
    }
    MockKafka(const MockKafka &) = delete;
    MockKafka &operator=(const MockKafka &) = delete;

    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }

    // The broker does not carry out the next requests of this kind, from any client, and answers with these errors.
    void answer(Request request, rd_kafka_resp_err_t error, size_t times = 1) {
        std::vector<rd_kafka_resp_err_t> errors(times, error);
        rd_kafka_mock_push_request_errors_array(cluster_, request, errors.size(), errors.data());
    }
    // One request of this kind is answered so; is_answered() says when it has come.
    void answer_one(Request request, rd_kafka_resp_err_t error) {
        rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, request, 1, error, 0);
    }
    bool is_answered(Request request) {
        size_t left = 1;
        rd_kafka_mock_broker_error_stack_cnt(cluster_, 1, request, &left);
        return left == 0;
    }
#if RD_KAFKA_VERSION >= 0x02030000 // older mocks do not tell what was asked
    // Waits until this many requests of this kind have come, from any client, after the call.
    bool await(Request request, size_t times, std::chrono::seconds patience = std::chrono::seconds(60)) {
        rd_kafka_mock_start_request_tracking(cluster_);
        size_t seen = 0;
        for (auto until = std::chrono::steady_clock::now() + patience; seen < times && std::chrono::steady_clock::now() < until;) {
            size_t count = 0;
            rd_kafka_mock_request_t **requests = rd_kafka_mock_get_requests(cluster_, &count);
            seen = std::count_if(requests, requests + count, [&](auto *each) { return rd_kafka_mock_request_api_key(each) == request; });
            rd_kafka_mock_request_destroy_array(requests, count);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        rd_kafka_mock_stop_request_tracking(cluster_);
        return seen >= times;
    }
#endif
    void answer_as_usual(Request request) { rd_kafka_mock_clear_request_errors(cluster_, request); }
    void forbid(const char *topic) { rd_kafka_mock_topic_set_error(cluster_, topic, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED); }
    void hide(const char *topic) { rd_kafka_mock_topic_set_error(cluster_, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART); }
    void show(const char *topic) { rd_kafka_mock_topic_set_error(cluster_, topic, RD_KAFKA_RESP_ERR_NO_ERROR); }
    void go_down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
    void set_round_trip_ms(int ms) { rd_kafka_mock_broker_set_rtt(cluster_, -1, ms); }

    // Produces a record outside of any Kafka transaction; with an id, the record has the header `id`, as an event has.
    void put(const char *name, const std::string &key, const std::optional<std::string> &value, const char *id = nullptr) {
        rd_kafka_t *client = make_client();
        rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, nullptr);
        const rd_kafka_metadata_t *metadata; // asks for metadata, so that nobody waits for the next look-up
        if (rd_kafka_metadata(client, 0, topic, &metadata, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(metadata);
        rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
        if (id != nullptr)
            rd_kafka_header_add(headers, "id", -1, id, -1);
        // clang-format off
        rd_kafka_producev(client,
            RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key.data(), key.size()),
            RD_KAFKA_V_VALUE((value ? const_cast<char *>(value->data()) : nullptr), (value ? value->size() : 0)),
            RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);
        // clang-format on
        rd_kafka_flush(client, 5000);
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(client);
    }

    // The number of records in the topic.
    int64_t size_of(const char *topic) {
        rd_kafka_t *client = make_client();
        int64_t low = 0, high = -1;
        rd_kafka_query_watermark_offsets(client, topic, 0, &low, &high, 5000);
        rd_kafka_destroy(client);
        return high;
    }

private:
    rd_kafka_t *make_client() {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", brokers().c_str(), nullptr, 0);
        return rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    }

    rd_kafka_t *owner_;
    rd_kafka_mock_cluster_t *cluster_;
};

} // namespace outbox
