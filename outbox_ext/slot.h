// Is anybody going to deliver what this transaction emits? Looks for a replication slot of this database with our plugin.
// Tested by sql/missing_slot.sql, test/specs/slot_creation.spec.
#pragma once

#include "pg.h"

enum MissingSlot { MISSING_SLOT_ERROR, MISSING_SLOT_WARNING, MISSING_SLOT_IGNORE };

// Complains as `missing_slot` asks where no slot can deliver, and always where wal_level would drop the event silently.
// Looks at most once per transaction, whatever was found.
void slot_require(MissingSlot missing_slot);
