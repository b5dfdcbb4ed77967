// The extension's settings (GUCs), registered in module.cpp.
#pragma once

#include "slot.h"

extern int outbox_missing_slot;    // a MissingSlot
extern char *outbox_slots;         // names separated by commas; empty: all of this database and plugin
extern int outbox_max_event_bytes; // of a whole envelope
