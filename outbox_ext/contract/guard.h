// The guard against forged messages. Anybody who may connect to the database may write a logical message with the prefix "outbox"; the
// guard tells from the bytes whether emit can have written them. Pure: no server, no memory, so that every reader of messages can use it:
// the output plugin does, and so does the relay's reader of pgoutput. Tested by test/unit/guard_test.cpp, sql/forged.sql,
// test/fuzz/guard_fuzz.cpp.
#pragma once

#include "rules.h"

// Null where the message is an envelope as emit writes it, and all but the payload takes at most `head_max` bytes; `*topic` is then the
// name of its topic. (`head_max` is envelope_head_max, or the database's outbox.max_event_bytes where that is more.) Otherwise the reason,
// in static words that hold nothing of the message. The guard rejects every form that no emit has written: white space, escapes that are
// not the shortest, a header twice. (Upper-case letters in \u00XX are those of 1.0.)
const char *guard_reject(const char *message, size_t size, size_t head_max, Text *topic);

// The reason why the relay would not take this object of headers, which is JSON without white space; null where the relay would.
const char *guard_reject_headers(const char *object, size_t size);
