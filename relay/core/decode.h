// Decodes the texts in a line of the stream: JSON's escapes, base64. Both functions throw FormatError. Tested by
// test/unit/envelope_test.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace outbox {

// The text of a JSON string: `text` itself where `text` has no escapes, otherwise a view of `scratch`.
std::string_view unescape(std::string_view text, std::string &scratch);

// Decodes base64 in place. Returns the number of decoded bytes at `text`.
size_t decode_base64(char *text, size_t size);

} // namespace outbox
