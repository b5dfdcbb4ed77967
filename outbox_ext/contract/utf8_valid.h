// Tells whether bytes are UTF-8 (RFC 3629) without NUL, by the rules of PostgreSQL's pg_utf8_verifystr(): no surrogates, no overlong forms,
// nothing beyond U+10FFFF. Pure: no server, no memory. Tested by test/unit/utf8_valid_test.cpp.
#pragma once

#include <cstddef>

bool utf8_is_valid(const char *text, size_t size);
