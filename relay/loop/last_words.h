// A relay that has ended because its slot is lost or missing: for three scrapes of Prometheus more its status still answers, and says so,
// or nobody but a reader of the log would hear. A signal ends it at once. Tested by test/t/120_lag.t.
#pragma once

#include "core/inquiry.h"
#include "core/status.h"

#include <string>

namespace outbox {

// `signals`: a signalfd. `why`: for whoever asks.
void say_last_words(Status &status, SlotInquiry &slot, int signals, const std::string &why);

} // namespace outbox
