// What the texts in the lines stand for: JSON's escapes, base64. Throws FormatError. Tested by test/unit/envelope_test.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace outbox {

// The text that a JSON string stands for: the argument itself where it has no escapes, otherwise a view of `scratch`.
std::string_view unescape(std::string_view text, std::string &scratch);

// Decodes in place and returns how many bytes there are at `text`.
size_t decode_base64(char *text, size_t size);

} // namespace outbox
