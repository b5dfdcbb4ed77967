// bench-sink: produces records from memory with the relay's properties of librdkafka, as fast as librdkafka and the broker take them,
// which is the limit for producing. The records are those that the relay makes of the backlog: key, JSON payload, header "id".
//
//   bench-sink BROKERS TOPIC EVENTS PAYLOAD_BYTES [TOPICS EVENTS_IN_FLIGHT LINGER_MS]
//
// With a number of topics, their names are TOPIC and a number from 0 on, and they take turns. EVENTS_IN_FLIGHT (6144) and LINGER_MS (2) are
// as the relay has them for a broker nearby.
//
// Prints {"seconds", "cpu_s", "switches"}: from the first record to the last acknowledgement, with the topics known before.
#include "relay/kafka/properties.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr size_t in_flight_bytes_max = 8 << 20; // as the relay has for a broker nearby; more events in flight may have more
constexpr size_t small_event_bytes = 700;       // in flight, with all that belongs to it
constexpr size_t overhead_bytes = 256 + 110 + 2 + 36 + 4;
constexpr size_t memory_bytes_max = 256 << 20; // beyond this, payloads repeat
constexpr size_t serve_every = 256;
const std::string message_bytes_max = "16777216"; // more than any payload
constexpr int keys = 1000;
const std::string id = "01930000-0000-7000-8000-000000000000";

std::vector<std::string> make_payloads(size_t events, size_t bytes) {
    std::vector<std::string> payloads(std::min(events, std::max<size_t>(1, memory_bytes_max / bytes)));
    for (size_t n = 0; n < payloads.size(); n++) {
        payloads[n] = "{\"n\":" + std::to_string(n) + ",\"pad\":\"";
        payloads[n].resize(bytes - 2, 'x');
        payloads[n] += "\"}";
    }
    return payloads;
}

struct Options {
    size_t topics = 0; // 0: one, without a number in its name
    std::string events_in_flight = "6144", linger_ms = "2";
};

class Producer {
public:
    Producer(const char *brokers, const std::string &topic, const Options &options)
        : in_flight_bytes_max_(std::max(in_flight_bytes_max, std::stoul(options.events_in_flight) * small_event_bytes)) {
        auto conf = outbox::make_kafka_conf(brokers, {{"queue.buffering.max.messages", options.events_in_flight},
                                                      {"linger.ms", options.linger_ms},
                                                      {"message.max.bytes", message_bytes_max}});
        rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
        char error[512];
        producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error, sizeof(error));
        if (producer_ == nullptr)
            throw std::runtime_error(error);
        conf.release();
        queue_ = rd_kafka_queue_get_main(producer_);
        for (size_t n = 0; n < std::max<size_t>(1, options.topics); n++)
            add_topic(options.topics == 0 ? topic : topic + std::to_string(n));
    }

    void produce(const std::string &key, const std::string &payload) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
        rd_kafka_header_add(headers, "id", 2, id.data(), static_cast<ssize_t>(id.size()));
        const size_t cost = overhead_bytes + key.size() + payload.size();
        const auto try_it = [&] {
            return rd_kafka_producev(producer_, RD_KAFKA_V_RKT(topics_[produced_ % topics_.size()]), RD_KAFKA_V_KEY(key.data(), key.size()),
                                     RD_KAFKA_V_VALUE(const_cast<char *>(payload.data()), payload.size()), RD_KAFKA_V_MSGFLAGS(0),
                                     RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(reinterpret_cast<void *>(cost)), RD_KAFKA_V_END);
        };
        auto error = try_it();
        for (; error == RD_KAFKA_RESP_ERR__QUEUE_FULL; error = try_it()) // after an error the headers belong to the caller
            serve(100);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw std::runtime_error(rd_kafka_err2str(error));
        in_flight_bytes_ += cost;
        while (in_flight_bytes_ >= in_flight_bytes_max_)
            serve(100);
        if (++produced_ % serve_every == 0)
            serve(0);
    }

    void finish() {
        rd_kafka_flush(producer_, 1); // ends the linger
        while (in_flight_bytes_ > 0)
            serve(100);
    }

private:
    void add_topic(const std::string &name) {
        topics_.push_back(rd_kafka_topic_new(producer_, name.c_str(), nullptr));
        const rd_kafka_metadata_t *metadata;
        if (rd_kafka_metadata(producer_, 0, topics_.back(), &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw std::runtime_error("no metadata");
        rd_kafka_metadata_destroy(metadata);
    }
    void serve(int timeout_ms) {
        while (rd_kafka_event_t *event = rd_kafka_queue_poll(queue_, timeout_ms)) {
            while (const rd_kafka_message_t *message = rd_kafka_event_message_next(event)) {
                if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                    throw std::runtime_error(rd_kafka_err2str(message->err));
                in_flight_bytes_ -= reinterpret_cast<size_t>(message->_private);
            }
            rd_kafka_event_destroy(event);
            timeout_ms = 0;
        }
    }

    rd_kafka_t *producer_;
    rd_kafka_queue_t *queue_;
    std::vector<rd_kafka_topic_t *> topics_;
    size_t in_flight_bytes_max_;
    size_t in_flight_bytes_ = 0, produced_ = 0;
};

struct Usage {
    double seconds, cpu_s;
    long switches;
};

Usage usage() {
    using namespace std::chrono;
    rusage used;
    getrusage(RUSAGE_SELF, &used);
    const auto in_s = [](const timeval &time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    return {duration<double>(steady_clock::now().time_since_epoch()).count(), in_s(used.ru_utime) + in_s(used.ru_stime),
            used.ru_nvcsw + used.ru_nivcsw};
}

void run(const char *brokers, const char *topic, size_t events, size_t bytes, const Options &options) {
    const auto payloads = make_payloads(events, bytes);
    std::vector<std::string> names(keys);
    for (int key = 0; key < keys; key++)
        names[key] = std::to_string(key);
    Producer producer(brokers, topic, options);
    const Usage before = usage();
    for (size_t n = 0; n < events; n++)
        producer.produce(names[n % keys], payloads[n % payloads.size()]);
    producer.finish();
    const Usage after = usage();
    std::printf("{\"seconds\":%.6f,\"cpu_s\":%.6f,\"switches\":%ld}\n", after.seconds - before.seconds, after.cpu_s - before.cpu_s,
                after.switches - before.switches);
    std::fflush(stdout);
    std::_Exit(0); // destroying the producer is not measured
}

} // namespace

int main(int argc, char **argv) {
    try {
        if (argc != 5 && argc != 8)
            throw std::runtime_error("usage: bench-sink BROKERS TOPIC EVENTS PAYLOAD_BYTES [TOPICS EVENTS_IN_FLIGHT LINGER_MS]");
        Options options;
        if (argc == 8)
            options = {std::strtoul(argv[5], nullptr, 10), argv[6], argv[7]};
        run(argv[1], argv[2], std::strtoul(argv[3], nullptr, 10), std::strtoul(argv[4], nullptr, 10), options);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-sink: %s\n", error.what());
        return 1;
    }
}
