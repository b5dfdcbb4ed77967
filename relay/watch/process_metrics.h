// The resources that the process uses, in the names that Prometheus' client libraries share: process_…. Tested by test/t/121_metrics.t.
#pragma once

#include "watch/families.h"

namespace outbox {

void add_process(Families &families);

} // namespace outbox
