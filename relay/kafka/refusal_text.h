// The sentences of the log and of the last error about an event that Kafka does not take: which event, why, and what helps under the
// options in force. Pure: sizes and times, never contents. Tested by test/t/042_poison.t and test/unit/at_least_once_refusals_test.cpp.
#pragma once

#include "core/envelope.h"
#include "kafka/target.h"

#include <string>

namespace outbox {

// `now_ms` and the event's commit time are milliseconds since 1970.
std::string refusal_text(const Event &event, Lsn end, int64_t commit_time_ms, const Quarantine::Refusal &refusal, const KafkaTarget &target,
                         int64_t now_ms);

// "event ID, transaction LSN".
std::string name_of(std::string_view id, Lsn end);

// The advice that ends a wait for a topic, by the error that Kafka answers with, with its punctuation; empty: the error has none.
std::string topic_advice(int error);

// The command that goes on without the event, though the relay runs and has the slot.
std::string skip_advice(std::string_view id);

// "125 minutes", without a sign.
std::string duration_text(int64_t ms);

// The bytes of the payload in the record.
size_t payload_bytes(const Event &event);

} // namespace outbox
