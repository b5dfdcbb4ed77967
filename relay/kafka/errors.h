// What Kafka's answers mean for a record: the codes that are known are in a table, and there is a rule for all others. Pure.
// Tested by test/unit/kafka_errors_test.cpp.
#pragma once

#include <librdkafka/rdkafka.h>

namespace outbox {

enum class Blame {
    content,   // the record, now and with every attempt: the only reason for which an event may ever be set aside
    topic,     // the topic, which may be there, or be allowed, later: waited for
    operation, // neither: passes, or an operator ends it
    unknown, // a code of which the relay does not know what it is about. The record goes alone, and where that is refused again and again,
             // the record is to blame
};
Blame blame_of(rd_kafka_resp_err_t error);

inline bool is_about_content(rd_kafka_resp_err_t error) { return blame_of(error) == Blame::content; }
// Of the batch: a record is too large only where it was alone in its batch.
inline bool is_about_size(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}
inline bool is_about_topic(rd_kafka_resp_err_t error) { return blame_of(error) == Blame::topic; }

// The relay, or librdkafka after a failed Kafka transaction, has taken the record back before Kafka answered.
inline bool is_purged(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

// Another record of the batch was refused by name, and this one only with it.
bool is_innocent(rd_kafka_resp_err_t error);

} // namespace outbox
