// The guard against forged messages. Whoever may connect to the database may write a logical message with the prefix "outbox"; the guard
// tells from its bytes whether emit can have written it. Pure: no server, no memory, so that whoever reads messages can ask: the output
// plugin does, and so can a reader of another plugin's stream. Tested by test/unit/guard_test.cpp, sql/forged.sql,
// test/fuzz/guard_fuzz.cpp.
#pragma once

#include "rules.h"

// Null where the message is an envelope as emit writes it, and all but its payload takes at most `head_max` bytes: `*topic` is then its
// topic's name. (`head_max` is envelope_head_max, or the database's outbox.max_event_bytes where that is more.) Otherwise the reason, in
// static words that hold nothing of the message. Every form that no emit has written is rejected: white space, escapes that are not the
// shortest, a header twice. (Upper-case letters in \u00XX are those of 1.0.)
const char *guard_reject(const char *message, size_t size, size_t head_max, Text *topic);

// Why the relay would not take this object of headers, which is JSON without white space; null where it would.
const char *guard_reject_headers(const char *object, size_t size);
