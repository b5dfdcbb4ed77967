// Is anybody going to deliver what this transaction emits? Looks at the replication slots of this database with our plugin, or at those
// that the setting "outbox.slots" names. A slot delivers when it is persistent, its creation has ended, and it is not invalidated.
// Tested by sql/missing_slot.sql, sql/slots.sql, test/specs/slot_creation.spec, test/t/021_emit_refused.t.
#pragma once

#include "pg.h"

enum MissingSlot { MISSING_SLOT_ERROR, MISSING_SLOT_WARNING, MISSING_SLOT_IGNORE };

// Complains as `missing_slot` asks where a slot that must deliver cannot, and always where wal_level would drop the event silently.
// Looks at most once per transaction and list of names, whatever was found.
void slot_require(MissingSlot missing_slot);

// The hooks of "outbox.slots".
bool slot_names_are_valid(char **names, void **extra, GucSource source);
void slot_names_changed(const char *names, void *extra);
