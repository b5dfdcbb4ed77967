// Reads a relay's answer at /status for the screen of `status`. Pure. Tested by test/unit/relay_answer_test.cpp.
#pragma once

#include "command/status_view.h"

#include <string_view>

namespace outbox {

// A member that is missing, or of another type, stays unknown. False: the text is no JSON object.
bool take_answer(StatusView &view, std::string_view json);

} // namespace outbox
