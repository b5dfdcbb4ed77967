// The argument "headers" of emit: an object of strings and of bytes, {"base64": "…"}, as jsonb or as the text of a JSON object (varchar,
// text, json). An error names the wrong header by its place, never by its name or value. Tested by sql/headers.sql.
#pragma once

#include "envelope.h"

// Both append the member "headers", or nothing where the object is empty.
void headers_add_jsonb(StringInfo envelope, Jsonb *headers);
void headers_add_text(StringInfo envelope, Text json); // `json` is valid UTF-8

// The object of the member "headers" that begins at `before`, the end of an envelope in the making; of size 0 where there is none.
Text headers_object(StringInfo envelope, int before);

// Adds those headers of `object` whose names the member "headers" at `before` does not have. `object` is a JSON object of strings without
// white space, with one header at least.
void headers_add_under(StringInfo envelope, int before, Text object);
