// Judgements of figures, pure. Tested by test/unit/doctor_test.cpp.
#pragma once

#include "command/doctor/finding.h"

namespace outbox {

// Judges the file system with the WAL, by the bytes that the slot keeps, the free bytes, and all bytes.
Finding judge_disk(double kept_bytes, double free_bytes, double bytes);

} // namespace outbox
