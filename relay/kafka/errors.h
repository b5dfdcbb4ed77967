// The meaning of Kafka's answers for a record: a table of the known codes, and a rule for all others. Pure. Tested by
// test/unit/kafka_errors_test.cpp.
#pragma once

#include <string>

#include <librdkafka/rdkafka.h>

namespace outbox {

enum class Blame {
    content,   // the record, at every attempt: the only reason for which an event may ever be set aside
    topic,     // the topic, which may exist, or be allowed, later: the relay waits
    operation, // neither: the error passes, or an operator ends it
    unknown,   // a code without a known meaning: the record goes alone, and is to blame where Kafka refuses the lone record again and again
};
Blame blame_of(rd_kafka_resp_err_t error);

inline bool is_about_content(rd_kafka_resp_err_t error) { return blame_of(error) == Blame::content; }
// The error is about the batch's size: a record is too large only where it was alone in its batch.
inline bool is_about_size(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}
inline bool is_about_topic(rd_kafka_resp_err_t error) { return blame_of(error) == Blame::topic; }

// The record was taken back before Kafka answered, by the relay, or by librdkafka after a failed Kafka transaction.
inline bool is_purged(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

// Kafka has named another record of the batch, and refused this one only with that record.
bool is_innocent(rd_kafka_resp_err_t error);

// librdkafka's words, but for a delivery that no broker has acknowledged (KafkaProducer reports it as __INCONSISTENT).
std::string words_of(rd_kafka_resp_err_t error);

} // namespace outbox
