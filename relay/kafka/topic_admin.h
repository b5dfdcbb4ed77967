// Makes topics, for setup; waits for Kafka's answer, ten seconds at most. What is there is looked at by cluster_view.h and never changed.
// Tested by test/t/148_setup_topics.t.
#pragma once

#include "base/signals.h"
#include "kafka/target.h"
#include "kafka/wanted_topic.h"

namespace outbox {

// Throws std::runtime_error with Kafka's words, Interrupted.
void create_topic(const KafkaTarget &target, const WantedTopic &topic, Signals &signals);

} // namespace outbox
