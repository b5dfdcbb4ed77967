// Shared by the commands of kafka-client: owners of librdkafka's objects, a client, and the cluster's metadata. Errors are exceptions.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace kafka_client {

constexpr int request_timeout_ms = 30'000;

template <auto Destroy>
struct Deleter {
    template <typename T>
    void operator()(T *object) const {
        Destroy(object);
    }
};
template <typename T, auto Destroy>
using Owned = std::unique_ptr<T, Deleter<Destroy>>;

using Client = Owned<rd_kafka_t, rd_kafka_destroy>;
using Queue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using Message = Owned<rd_kafka_message_t, rd_kafka_message_destroy>;
using Topic = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using NewPartitions = Owned<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using DeleteTopic = Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using Metadata = Owned<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using Arguments = std::span<char *>;

[[noreturn]] inline void fail(const std::string &what) { throw std::runtime_error(what); }

inline void check(rd_kafka_resp_err_t error, const std::string &what) {
    if (error)
        fail(what + ": " + rd_kafka_err2str(error));
}

class Deadline {
public:
    explicit Deadline(int seconds) : end_(std::chrono::steady_clock::now() + std::chrono::seconds(seconds)) {}
    bool passed() const { return std::chrono::steady_clock::now() > end_; }

private:
    std::chrono::steady_clock::time_point end_;
};

// A client with the properties of the variable KAFKA_CLIENT_PROPERTIES, which has one property=value on each line.
Client connect(rd_kafka_type_t type, const char *brokers);

// The metadata of all topics; empty where no broker has answered in time.
Metadata metadata_of(rd_kafka_t *client, int timeout_ms);

// Whether every partition has a leader. A broker answers before it serves: after a crash its partitions have no leader until the
// controller accepts the broker again.
bool serves(const rd_kafka_metadata_t &metadata);

bool has_topic(const rd_kafka_metadata_t &metadata, std::string_view name);

// Asks for the cluster's metadata until `condition` holds for it.
template <typename Condition>
void wait_until(rd_kafka_t *client, int seconds, const std::string &what, Condition condition) {
    for (const Deadline deadline(seconds); !deadline.passed();) {
        const Metadata metadata = metadata_of(client, 500);
        if (metadata && condition(*metadata))
            return;
        rd_kafka_poll(client, 20);
    }
    fail("gave up after " + std::to_string(seconds) + " s: " + what);
}

// The answer to a request of the admin interface; throws where the answer is an error.
Event await_result(rd_kafka_queue_t *queue, const std::string &what);

// The first and the end offset of a partition. Metadata names a leader a moment before that broker knows, so the function repeats
// refused requests.
std::pair<int64_t, int64_t> ends_of(rd_kafka_t *client, const char *topic, int partition);

} // namespace kafka_client
