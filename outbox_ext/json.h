// JSON in the backend. Knows nothing of events. The scanner says yes or no and minifies; only where it says no does RapidJSON read the
// text, to say why and where.
// Numbers keep their digits, objects the order and the duplicates of their members; escapes are written in their shortest form.
// Tested by sql/payload_json.sql, sql/limits.sql.
#pragma once

#include "contract/json_scan.h"
#include "pg.h"

struct JsonError {
    const char *reason; // static text, never a word of the input
    size_t offset;      // bytes from the start of the input
    bool too_deep;
};

// Is this one JSON value? It is appended without white space between its tokens: at most `size` bytes. That the text is UTF-8 without
// NUL is the caller's to have checked. After an error `out` holds what it did.
bool json_minify(const char *text, size_t size, StringInfo out, JsonError *error);

// A JSON string with its quotes; `text` is valid UTF-8.
void json_append_string(StringInfo out, const char *text, size_t size);
