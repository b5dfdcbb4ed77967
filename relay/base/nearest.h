// Which of the known names somebody may have meant. Pure. Tested by test/unit/values_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// The element of `known`, which is not empty, that takes the fewest insertions, deletions and substitutions.
std::string nearest(std::string_view text, const std::vector<std::string> &known);

} // namespace outbox
