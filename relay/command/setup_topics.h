// setup --topics-file: creates the file's topics where they are missing, prints where existing topics differ, and writes the names to
// outbox.topics, so that emit() takes no other topic. Tested by test/t/148_setup_topics.t.
#pragma once

#include "config/options.h"
#include "postgres/steps.h"

namespace outbox {

// Asks Kafka first: a refusal leaves outbox.topics as it was. Throws Failure.
void prepare_topics(const Steps &steps, const SetupCommand &command);

} // namespace outbox
