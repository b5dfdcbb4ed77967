// Figures that are judged, pure. Tested by test/unit/doctor_test.cpp.
#pragma once

#include "command/doctor/finding.h"

namespace outbox {

// Of the file system with the WAL: what the slot keeps, what is free, and how much there is.
Finding judge_disk(double kept_bytes, double free_bytes, double bytes);

} // namespace outbox
