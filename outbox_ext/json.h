// JSON in the backend. The scanner decides whether a text is JSON and minifies it; RapidJSON reads only a text that the scanner refuses, to
// tell the reason and the place. Numbers keep their digits, objects the order and the duplicates of their members; escapes get their
// shortest form. Tested by sql/payload_json.sql, sql/limits.sql.
#pragma once

#include "contract/json_scan.h"
#include "pg.h"

struct JsonError {
    const char *reason; // static text, never a word of the input
    size_t offset;      // bytes from the start of the input
    bool too_deep;
};

// True where the text is one JSON value. The function then appends the value to `out` without white space between its tokens, in at most
// `size` bytes. The caller has checked that the text is UTF-8 without NUL. After an error `out` has the content it had before.
bool json_minify(const char *text, size_t size, StringInfo out, JsonError *error);

// Appends a JSON string with its quotes; `text` is valid UTF-8.
void json_append_string(StringInfo out, const char *text, size_t size);

// True where the JSON, whose escapes have their shortest form, has a \u0000, which PostgreSQL's text and jsonb cannot hold.
bool json_has_nul(const char *json, size_t size);
