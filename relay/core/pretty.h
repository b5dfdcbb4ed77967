// An event as a line for people: 09:42:00.123  orders  42  order.created  {"item":"Macbook"}. Tested by test/t/012_stdout.t.
#pragma once

#include "core/envelope.h"
#include "core/item.h"

#include <string>
#include <string_view>

namespace outbox {

// Appends the text without control characters, which a terminal obeys: those of ASCII, and U+0080 to U+009F.
void append_visible(std::string_view text, std::string &to);

// `scratch` is for texts with escapes. Throws FormatError.
void append_pretty(const Begin &transaction, const Event &event, std::string &to, std::string &scratch);

} // namespace outbox
