// Poisoned events: those whose content Kafka refuses, now and with every attempt. Kafka refuses whole batches, so the guilty one has to be
// found: what was refused comes again in smaller batches until it is alone. Tested by test/unit/kafka_sink_test.cpp and test/t/.
#pragma once

#include "kafka_target.h"

#include <optional>
#include <string_view>

namespace outbox {

// Errors of content: the only ones for which an event may ever be set aside.
bool is_about_content(rd_kafka_resp_err_t error);

// Gathers the refused records among delivery reports.
class Refusals {
public:
    void note(const rd_kafka_message_t &message);
    bool any() const { return count_ > 0; }
    const std::string &id() const { return id_; } // of the largest

    enum class Verdict {
        set_aside,       // the target knows it from now on: start again, it is offered as a dead letter then
        smaller_batches, // the target says how small: start again with a new producer
        stop,            // an operator has to decide
    };
    // What to do about what was noted, which is forgotten. `text` says it, without any content. `batch_bytes` is the producer's batch.size.
    Verdict judge(KafkaTarget &target, size_t batch_bytes, std::string &text);

private:
    size_t count_ = 0, bytes_ = 0, largest_ = 0;
    std::string id_, topic_, error_; // of the largest
    std::string lsn_;
};

// One event refused for itself, by librdkafka or by the broker. True where it is to be set aside (and the target knows it).
bool set_aside(KafkaTarget &target, std::string_view id, const std::string &reason);

// What is to become of the event instead of its delivery; null: it is delivered.
const SetAside *find_set_aside(KafkaTarget &target, std::string_view id);

// The event's record is safe. True where it stands for one that was set aside. `end` is its transaction's.
bool note_set_aside(KafkaTarget &target, std::string_view id, Lsn end);

std::string poison_text(std::string_view id, std::string_view topic, size_t bytes, std::string_view lsn, std::string_view error);

// The header `id` of a record of ours.
std::string_view id_of(const rd_kafka_message_t &message);

} // namespace outbox
