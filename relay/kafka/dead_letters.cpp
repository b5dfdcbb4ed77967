#include "kafka/dead_letters.h"

#include "base/destroy.h"
#include "core/clock.h"
#include "kafka/metadata.h"
#include "kafka/reachability.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace outbox {
namespace {

constexpr auto patience = std::chrono::seconds(30); // without an answer of Kafka
constexpr int slice_ms = 200;                       // of a wait in librdkafka, so that a signal is seen soon

using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy<rd_kafka_topic_partition_list_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;

// The last header of the name: the relay puts its own headers behind those of the event.
std::string header(const rd_kafka_headers_t *headers, const char *name) {
    const void *value = nullptr;
    size_t size = 0;
    if (headers == nullptr || rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR || value == nullptr)
        return "";
    return {static_cast<const char *>(value), size};
}

DeadLetter letter_of(const rd_kafka_message_t &message) {
    rd_kafka_headers_t *headers = nullptr;
    rd_kafka_message_headers(&message, &headers);
    DeadLetter letter = {.id = header(headers, "id"),
                         .topic = header(headers, "outbox-topic"),
                         .type = header(headers, "type"),
                         .reason = header(headers, "outbox-reason"),
                         .lsn = header(headers, "outbox-lsn"),
                         .committed_at_ms = strtoll(header(headers, "outbox-timestamp").c_str(), nullptr, 10),
                         .set_aside_at_ms = rd_kafka_message_timestamp(&message, nullptr),
                         .partition = message.partition,
                         .offset = message.offset,
                         .payload_bytes = message.len};
    if (std::string left_out = header(headers, "outbox-payload-bytes"); !left_out.empty())
        letter.payload_bytes = strtoul(left_out.c_str(), nullptr, 10);
    return letter;
}

class Letters {
public:
    Letters(const KafkaTarget &target, Signals &signals) : target_(target), signals_(signals) {
        std::string error;
        handle_ =
            make_kafka_client(RD_KAFKA_CONSUMER, make_consumer_conf(target.brokers, target.properties, "read_committed"), error, &kafka_);
        if (!handle_)
            throw std::runtime_error("cannot create a Kafka client: " + error);
    }

    std::deque<DeadLetter> read(const std::string &topic, size_t limit) {
        int partitions = count_partitions();
        std::deque<DeadLetter> all;
        topic_.reset(rd_kafka_topic_new(handle_.get(), target_.dead_letter_topic.c_str(), nullptr));
        for (int partition = 0; partition < partitions; partition++)
            read_partition(partition, [&](DeadLetter letter) {
                if (!topic.empty() && letter.topic != topic)
                    return;
                auto place = std::upper_bound(all.begin(), all.end(), letter,
                                              [](auto &a, auto &b) { return a.set_aside_at_ms < b.set_aside_at_ms; });
                all.insert(place, std::move(letter));
                if (all.size() > limit)
                    all.pop_front();
            });
        return all;
    }

private:
    [[noreturn]] void give_up(rd_kafka_resp_err_t error) const {
        throw std::runtime_error("cannot read topic \"" + target_.dead_letter_topic + "\": " + reason_of(kafka_, error));
    }

    // The number of partitions; 0: the topic is not there.
    int count_partitions() {
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
        int count = 0;
        bool is_answered = ask_until(patience, handle_.get(), kafka_, signals_, [&](int wait_ms) {
            count = outbox::count_partitions(handle_.get(), target_.dead_letter_topic, GrowingWait(wait_ms), error).value_or(0);
            return error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                   error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        });
        if (!is_answered || error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            give_up(error);
        return count;
    }

    template <class Take>
    void read_partition(int partition, Take take) {
        Queue queue(rd_kafka_queue_new(handle_.get())); // see StateReader::queue_
        if (rd_kafka_consume_start_queue(topic_.get(), partition, RD_KAFKA_OFFSET_BEGINNING, queue.get()) != 0)
            give_up(rd_kafka_last_error());
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
        for (auto until = Clock::now() + patience; Clock::now() < until;) {
            Message message(rd_kafka_consume_queue(queue.get(), slice_ms));
            rd_kafka_poll(handle_.get(), 0);
            signals_.stop_if_asked();
            if (!message)
                continue;
            error = message->err;
            if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                break;
            if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
                continue;
            take(letter_of(*message));
            until = Clock::now() + patience;
        }
        rd_kafka_consume_stop(topic_.get(), partition);
        if (error != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            give_up(error);
    }

    const KafkaTarget &target_;
    Signals &signals_;
    Reachability kafka_;
    KafkaHandle handle_;
    Topic topic_;
};

} // namespace

std::deque<DeadLetter> read_dead_letters(const KafkaTarget &target, const std::string &topic, size_t limit, Signals &signals) {
    return Letters(target, signals).read(topic, limit);
}

} // namespace outbox
