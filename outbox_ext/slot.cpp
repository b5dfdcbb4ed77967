#include "slot.h"

#include "envelope.h"

#include <string.h>

namespace {

enum SlotState { SLOT_MISSING, SLOT_INVALIDATED, SLOT_UNFINISHED, SLOT_DELIVERABLE }; // the best of all that there are

SlotState state_of(ReplicationSlot *slot) {
    SpinLockAcquire(&slot->mutex);
    bool invalidated = outbox_slot_invalidated(slot);
    // Not set before the slot's creation ends: a transaction that was open at that time is never decoded.
    bool unfinished = slot->data.confirmed_flush == InvalidXLogRecPtr;
    SpinLockRelease(&slot->mutex);
    return invalidated ? SLOT_INVALIDATED : unfinished ? SLOT_UNFINISHED : SLOT_DELIVERABLE;
}

SlotState find_slot() {
    SlotState best = SLOT_MISSING;

    LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
    for (int i = 0; i < max_replication_slots && best != SLOT_DELIVERABLE; i++) {
        ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
        if (!slot->in_use || slot->data.database != MyDatabaseId || strcmp(NameStr(slot->data.plugin), ENVELOPE_PREFIX) != 0)
            continue;
        best = Max(best, state_of(slot));
    }
    LWLockRelease(ReplicationSlotControlLock);
    return best;
}

void complain(SlotState state, int level) {
    const char *detail = state == SLOT_MISSING       ? "No logical replication slot of this database uses the output plugin \"outbox\"."
                         : state == SLOT_INVALIDATED ? "The slot has been invalidated: the WAL it needs may be gone."
                                                     : "The slot is still being created.";
    const char *hint = state == SLOT_MISSING ? "Create the slot with \"outbox-relay setup\"."
                       : state == SLOT_INVALIDATED
                           ? "Drop the slot and create it again with \"outbox-relay setup\"; what it had not delivered is lost."
                           : "Retry the transaction.";
    ereport(level, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("no replication slot can deliver the event"),
                    errdetail_internal("%s", detail), errhint("%s", hint)));
}

} // namespace

void slot_require(MissingSlot missing_slot) {
    static FullTransactionId looked_up_in = {0};
    static SlotState found = SLOT_MISSING;

    FullTransactionId transaction = GetTopFullTransactionId();
    bool first = !FullTransactionIdEquals(looked_up_in, transaction);
    if (first) {
        found = find_slot();
        looked_up_in = transaction;
    }
    if (found != SLOT_DELIVERABLE) {
        if (missing_slot == MISSING_SLOT_ERROR)
            complain(found, ERROR);
        if (missing_slot == MISSING_SLOT_WARNING && first)
            complain(found, WARNING);
    }

    // After the slot: from 19 on a slot raises the level by itself, so the missing slot is the cause and the level its consequence.
    if (!XLogLogicalInfoActive())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the event would be lost because the effective \"wal_level\" is below \"logical\""),
                        errhint("%s", OUTBOX_WAL_LEVEL_HINT)));
}
