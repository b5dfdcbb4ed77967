// What the process costs, in the names that Prometheus' client libraries have in common: process_…. Tested by test/t/121_metrics.t.
#pragma once

#include "watch/families.h"

namespace outbox {

void add_process(Families &families);

} // namespace outbox
