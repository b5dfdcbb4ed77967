// What the log and the last error say of an event that Kafka does not take: which one, why, and what helps under the options in force.
// Pure: sizes and times, never contents. Tested by test/unit/refusal_text_test.cpp.
#pragma once

#include "core/envelope.h"
#include "kafka/target.h"

#include <string>

namespace outbox {

// `now_ms` and the event's commit time: since 1970.
std::string refusal_text(const Event &event, Lsn end, int64_t commit_time_ms, const Quarantine::Refusal &refusal, const KafkaTarget &target,
                         int64_t now_ms);

// "event ID, transaction LSN".
std::string name_of(std::string_view id, Lsn end);

// How to go on without the event, though the relay runs and has the slot.
std::string skip_advice(std::string_view id);

// "125 minutes", whatever the sign.
std::string duration_text(int64_t ms);

// The size of the payload as it is in the record.
size_t payload_bytes(const Event &event);

} // namespace outbox
