// bench-arrived: prints when a topic has a number of records, whichever program produced them, and when it had half of them.
//
//   bench-arrived BROKERS TOPIC RECORDS
//
// Prints {"half_s", "all_s"}, in seconds of the monotonic clock. The program asks the broker 40 times a second, which takes one per cent
// of a core in the broker.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace {

constexpr std::chrono::milliseconds interval{25};
constexpr int timeout_ms = 10'000;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

rd_kafka_t *connect(const char *brokers) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        throw std::runtime_error(error);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (client == nullptr)
        throw std::runtime_error(error);
    return client;
}

void check(rd_kafka_resp_err_t error) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error(rd_kafka_err2str(error));
}

int partitions_of(rd_kafka_t *client, const char *topic) {
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, nullptr);
    const rd_kafka_metadata_t *metadata;
    check(rd_kafka_metadata(client, 0, handle, &metadata, timeout_ms));
    const int count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

// A new topic may have no leader yet, or the metadata of an old topic of the same name.
bool is_known(rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
        error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return false;
    check(error);
    return true;
}

// Asks for the ends of all partitions in one request.
int64_t records_of(rd_kafka_t *client, const char *topic, int partitions) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = 0; partition < partitions; partition++)
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_END;
    const bool is_answered = is_known(rd_kafka_offsets_for_times(client, list, timeout_ms));
    int64_t sum = 0;
    for (int i = 0; is_answered && i < list->cnt; i++)
        if (is_known(list->elems[i].err))
            sum += list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return sum;
}

void run(const char *brokers, const char *topic, int64_t wanted) {
    rd_kafka_t *client = connect(brokers);
    const int partitions = partitions_of(client, topic);
    double half_s = 0;
    while (true) {
        const int64_t records = records_of(client, topic, partitions);
        if (half_s == 0 && records >= wanted / 2)
            half_s = now_s();
        if (records >= wanted)
            break;
        std::this_thread::sleep_for(interval);
    }
    std::printf("{\"half_s\":%.3f,\"all_s\":%.3f}\n", half_s, now_s());
    std::fflush(stdout);
    std::_Exit(0);
}

} // namespace

int main(int argc, char **argv) {
    try {
        if (argc != 4)
            throw std::runtime_error("usage: bench-arrived BROKERS TOPIC RECORDS");
        run(argv[1], argv[2], std::strtoll(argv[3], nullptr, 10));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-arrived: %s\n", error.what());
        return 1;
    }
}
