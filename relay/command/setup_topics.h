// setup --topics-file: makes the topics of the file where they are missing, says where those that are there differ, and writes the names to
// outbox.topics, so that emit() takes no other. Tested by test/t/148_setup_topics.t.
#pragma once

#include "config/options.h"
#include "postgres/steps.h"

namespace outbox {

// Kafka first: what it refuses leaves outbox.topics as it was. Throws Failure.
void prepare_topics(const Steps &steps, const SetupCommand &command);

} // namespace outbox
