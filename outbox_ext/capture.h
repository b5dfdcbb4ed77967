// The setting "outbox.capture", for tests: a session keeps the events that it emits in its memory, too, where outbox.captured() shows them.
// Events of a rolled back (sub)transaction are gone, as from the WAL. Tested by sql/capture.sql, test/t/132_capture.t.
#pragma once

#include "contract/text.h"
#include "pg.h"

// CAPTURE_ON keeps the events of the current transaction, CAPTURE_SESSION those of committed ones as well, until the setting changes.
enum Capture { CAPTURE_OFF, CAPTURE_ON, CAPTURE_SESSION };

constexpr size_t capture_max_bytes = 64 * 1024 * 1024; // of all events that a session keeps

// Keeps a copy of the envelope, as an event of the current subtransaction. `is_logged`: a slot can deliver the event.
void capture_event(Text envelope, bool is_logged);

// The assign hook of the setting.
void capture_changed(int capture, void *extra);
