// Reads the topic of dead letters from its beginning to the end that the topic has when the reading begins, without a consumer group, so
// that Kafka remembers nothing of the reader. Keeps the last `limit` letters, without their payloads. Tested by test/t/146_dead_letters.t.
#pragma once

#include "base/signals.h"
#include "kafka/target.h"

#include <deque>
#include <string>
#include <vector>

namespace outbox {

struct DeadLetter {
    std::string id, topic, type, reason, lsn;
    int64_t committed_at_ms = 0, set_aside_at_ms = 0; // since 1970
    int32_t partition = 0;
    int64_t offset = 0;
    size_t payload_bytes = 0;
};

// The last `limit` dead letters of one topic for events, or of all topics (empty), the oldest first. A missing topic of dead letters has
// none. Throws std::runtime_error where Kafka does not answer within half a minute, Interrupted.
std::deque<DeadLetter> read_dead_letters(const KafkaTarget &target, const std::string &topic, size_t limit, Signals &signals);

} // namespace outbox
