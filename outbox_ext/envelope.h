// Writes an envelope, the line of JSON that contract/rules.h describes, member after member. Tested by sql/envelope.sql.
#pragma once

#include "contract/rules.h"
#include "json.h"
#include "pg.h"

// The members, in the order of the calls. `headers` comes with its braces, a UUID as its 16 bytes.
void envelope_open(StringInfo envelope, Text topic);
void envelope_add_string(StringInfo envelope, const char *name, Text value);
void envelope_add_raw(StringInfo envelope, const char *name); // the caller appends the JSON value
void envelope_add_uuid(StringInfo envelope, const char *name, const unsigned char *bytes);
void envelope_add_base64(StringInfo envelope, const char *name, const unsigned char *bytes, size_t size);
void envelope_close(StringInfo envelope);
