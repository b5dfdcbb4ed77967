// The argument "headers" of emit: an object of strings, as jsonb or as the text of a JSON object (varchar, text, json).
// Errors say which header is wrong by its place, never by its name or value. Tested by sql/headers.sql.
#pragma once

#include "envelope.h"

// Appends the member "headers", or nothing where the object is empty.
void headers_add_jsonb(StringInfo envelope, Jsonb *headers);
void headers_add_text(StringInfo envelope, Text json); // valid UTF-8
