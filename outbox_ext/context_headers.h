// The setting "outbox.headers": headers of all events of a transaction (SET LOCAL) or session (SET), beneath those of the call. Tested by
// sql/context_headers.sql, test/t/131_pgbouncer.t.
#pragma once

#include "pg.h"

constexpr size_t context_headers_max_bytes = 64 * 1024; // of the setting

// The check hook and the assign hook. The check raises no error: it also runs outside of transactions.
bool context_headers_are_valid(char **value, void **extra, GucSource source);
void context_headers_changed(const char *value, void *extra);

// Merges the setting's headers into an envelope whose member "headers", if it has one, begins at `before` and is the last one. A header of
// the call wins.
void context_headers_merge(StringInfo envelope, int before);
