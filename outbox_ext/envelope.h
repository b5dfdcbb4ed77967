// Writes an envelope, the line of JSON that contract/rules.h describes, member after member. Tested by sql/envelope.sql.
#pragma once

#include "contract/rules.h"
#include "json.h"
#include "pg.h"

// Each call adds one member; the caller keeps the order that contract/rules.h demands. A UUID is its 16 bytes.
void envelope_open(StringInfo envelope, Text topic);
void envelope_add_string(StringInfo envelope, const char *name, Text value);
void envelope_add_raw(StringInfo envelope, const char *name); // the caller then appends the value as JSON
void envelope_add_uuid(StringInfo envelope, const char *name, const unsigned char *bytes);
void envelope_add_base64(StringInfo envelope, const char *name, const unsigned char *bytes, size_t size);
void envelope_close(StringInfo envelope);
