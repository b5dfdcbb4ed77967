// The argument "headers" of emit: an object of strings, as jsonb or as the text of a JSON object (varchar, text, json).
// An error names the wrong header by its place, never by its name or value. Tested by sql/headers.sql.
#pragma once

#include "envelope.h"

// Append the member "headers", or nothing where the object is empty.
void headers_add_jsonb(StringInfo envelope, Jsonb *headers);
void headers_add_text(StringInfo envelope, Text json); // `json` is valid UTF-8
