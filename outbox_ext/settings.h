// The extension's settings (GUCs), registered in module.cpp.
#pragma once

#include "capture.h"
#include "slot.h"

extern int outbox_missing_slot;    // a MissingSlot
extern char *outbox_slots;         // names separated by commas; empty: all slots of this database that use the plugin
extern int outbox_max_event_bytes; // the limit of a whole envelope
extern int outbox_capture;         // a Capture

enum RequireTransaction { REQUIRE_NOTHING, REQUIRE_BY_WARNING, REQUIRE_BY_ERROR };
extern int outbox_require_transaction; // a RequireTransaction
