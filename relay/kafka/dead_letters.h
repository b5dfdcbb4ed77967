// Reads what was set aside: the topic of dead letters, from its beginning to the end that it has now, without a group, so that nothing in
// Kafka remembers the reader. The last so many are kept, without their payloads. Tested by test/t/146_dead_letters.t.
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

// The last `limit` of one topic for events, or of all (empty), the oldest first. No topic of dead letters is no dead letters. Throws
// std::runtime_error where Kafka does not answer within half a minute, Interrupted.
std::deque<DeadLetter> read_dead_letters(const KafkaTarget &target, const std::string &topic, size_t limit, Signals &signals);

} // namespace outbox
