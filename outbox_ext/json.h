// JSON in the backend: checked, and minified on the way, in one pass by RapidJSON. Knows nothing of events.
// Numbers keep their digits, objects the order and the duplicates of their members; escapes are written in their shortest form.
// Tested by sql/payload_json.sql, sql/limits.sql.
#pragma once

#include "pg.h"

// Containers within containers; RapidJSON's iterative parser and this bound keep the C stack flat.
constexpr int json_max_depth = 512;

struct JsonError {
    const char *reason; // static text, never a word of the input
    size_t offset;      // bytes from the start of the input
    bool too_deep;
};

class JsonParser; // lives in the memory context it was made in, with the buffers it keeps; nothing needs to be destroyed

JsonParser *json_parser_create(MemoryContext context);

// Is this one JSON value in valid UTF-8 without NUL? The encoding is the caller's to have checked.
bool json_check(JsonParser *parser, const char *text, size_t size, JsonError *error);

// The same, and the value is appended without white space between its tokens: at most `size` bytes.
// After an error `out` has been extended by something unspecified.
bool json_minify(JsonParser *parser, const char *text, size_t size, StringInfo out, JsonError *error);

// A JSON string with its quotes; `text` is valid UTF-8.
void json_append_string(StringInfo out, const char *text, size_t size);
