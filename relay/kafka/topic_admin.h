// Creates topics, for setup; waits at most ten seconds for Kafka's answer. Existing topics are looked at by cluster_view.h and never
// changed. Tested by test/t/148_setup_topics.t.
#pragma once

#include "base/signals.h"
#include "kafka/target.h"
#include "kafka/topic_spec.h"

namespace outbox {

// Throws std::runtime_error with Kafka's words, Interrupted.
void create_topic(const KafkaTarget &target, const TopicSpec &topic, Signals &signals);

} // namespace outbox
