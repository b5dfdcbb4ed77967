// Whether a replication slot will deliver the events of this transaction. emit looks at the slots of this database that use the output
// plugin, or at those that the setting "outbox.slots" names. A slot delivers when it is persistent, its creation has ended, and it is not
// invalidated. Tested by sql/missing_slot.sql, sql/slots.sql, test/specs/slot_creation.spec, test/t/021_emit_refused.t.
#pragma once

#include "pg.h"
#include "refusal.h"

enum MissingSlot { MISSING_SLOT_ERROR, MISSING_SLOT_WARNING, MISSING_SLOT_IGNORE };

// Raises the error or warning that `missing_slot` asks for where a slot that must deliver cannot, and always an error where wal_level would
// drop the event silently. The slots are looked up once per transaction and list of names; a transaction keeps the answer.
void slot_require(MissingSlot missing_slot);

// True where slot_require() would raise nothing. Raises nothing itself.
bool slot_can_deliver();

// The error that slot_require() would raise now, looked up again and with "outbox.missing_slot" as "error"; `*slot` is the slot in
// question, or empty.
Refusal slot_refusal(NameData *slot);

// The state of the slot of this name, in one word: "ready" where the slot can deliver.
const char *slot_state(const NameData *name);

// The LSN up to which every slot that must deliver has confirmed. Raises emit's error where one of them cannot deliver.
XLogRecPtr slot_delivered_up_to();

// The check hook and the assign hook of the setting "outbox.slots".
bool slot_names_are_valid(char **names, void **extra, GucSource source);
void slot_names_changed(const char *names, void *extra);
