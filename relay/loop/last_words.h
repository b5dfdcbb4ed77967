// The status of a relay that has ended because its slot is lost or missing: for three scrapes of Prometheus more the status server answers
// and says so. Otherwise only a reader of the log would notice. A signal ends the wait. Tested by test/t/120_lag.t.
#pragma once

#include "core/inquiry.h"
#include "core/status.h"

#include <string>

namespace outbox {

// Waits, and serves the slot's inquiry. `signals`: a signalfd. `why`: the reason that the status shows.
void say_last_words(Status &status, SlotInquiry &slot, int signals, const std::string &why);

} // namespace outbox
