#include "slot.h"

#include "contract/rules.h"
#include "settings.h"

#include <cstring>

namespace {

// Without "outbox.slots" the slot whose state comes last in this list decides.
enum SlotState { SLOT_MISSING, SLOT_TEMPORARY, SLOT_UNFINISHED, SLOT_DELIVERABLE, SLOT_INVALIDATED, SLOT_FOREIGN };

struct Verdict {
    SlotState state;
    NameData slot; // the slot in this state; empty: none
};

SlotState state_of(const ReplicationSlotPersistentData *slot) {
    if (slot->database != MyDatabaseId || strcmp(NameStr(slot->plugin), ENVELOPE_PREFIX) != 0)
        return SLOT_FOREIGN;
    if (slot->persistency == RS_TEMPORARY)
        return SLOT_TEMPORARY;
    // Until its creation ends, a slot is ephemeral or has no confirmed position. A transaction that was open at that time is never decoded.
    if (slot->persistency != RS_PERSISTENT || slot->confirmed_flush == InvalidXLogRecPtr)
        return SLOT_UNFINISHED;
    return outbox_slot_invalidated(slot) ? SLOT_INVALIDATED : SLOT_DELIVERABLE;
}

// Copies the next slot in use, from the index `*i` on, under the same locks as pg_get_replication_slots(). The caller holds
// ReplicationSlotControlLock.
bool next_slot(int *i, ReplicationSlotPersistentData *copy) {
    for (; *i < max_replication_slots; ++*i) {
        ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[*i];
        if (!slot->in_use)
            continue;
        SpinLockAcquire(&slot->mutex);
        *copy = slot->data;
        SpinLockRelease(&slot->mutex);
        ++*i;
        return true;
    }
    return false;
}

Verdict judge_all() {
    Verdict verdict = {SLOT_MISSING, {}};
    ReplicationSlotPersistentData slot;

    for (int i = 0; next_slot(&i, &slot);) {
        SlotState state = state_of(&slot);
        if (state != SLOT_FOREIGN && state > verdict.state)
            verdict = {state, slot.name};
    }
    return verdict;
}

SlotState state_of_named(const NameData *name) {
    ReplicationSlotPersistentData slot;

    for (int i = 0; next_slot(&i, &slot);)
        if (strcmp(NameStr(slot.name), NameStr(*name)) == 0)
            return state_of(&slot);
    return SLOT_MISSING;
}

// Takes the next name off a list that slot_names_are_valid() has accepted.
bool next_name(const char **rest, NameData *name) {
    const char *start = *rest + strspn(*rest, ", ");
    size_t size = strcspn(start, ", ");
    *rest = start + size;
    memset(name, 0, sizeof(*name));
    memcpy(NameStr(*name), start, size);
    return size > 0;
}

// The verdict on the first named slot that cannot deliver, if there is one.
Verdict judge_named(const char *names) {
    Verdict verdict = {SLOT_DELIVERABLE, {}};

    while (verdict.state == SLOT_DELIVERABLE && next_name(&names, &verdict.slot))
        verdict.state = state_of_named(&verdict.slot);
    return verdict;
}

bool must_deliver(const NameData *slot) {
    NameData name;

    for (const char *rest = outbox_slots; next_name(&rest, &name);)
        if (strcmp(NameStr(name), NameStr(*slot)) == 0)
            return true;
    return *outbox_slots == '\0';
}

Verdict look_up() {
    LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
    Verdict verdict = *outbox_slots == '\0' ? judge_all() : judge_named(outbox_slots);
    LWLockRelease(ReplicationSlotControlLock);
    return verdict;
}

// The error that emit raises for the verdict.
Refusal refusal_of(const Verdict *verdict) {
    const char *name = NameStr(verdict->slot);
    const char *message =
        *name == '\0' ? "no replication slot can deliver the event" : psprintf("replication slot \"%s\" cannot deliver the event", name);
    auto refuse = [message](const char *detail, const char *hint) { return Refusal{ERRCODE_UNDEFINED_OBJECT, message, detail, hint}; };
    switch (verdict->state) {
    case SLOT_DELIVERABLE: return {};
    case SLOT_MISSING:
        if (*name == '\0')
            return refuse("No logical replication slot of this database uses the output plugin \"outbox\".",
                          "Create the slot with \"outbox-relay setup\".");
        return refuse("The setting \"outbox.slots\" names the slot, and the slot does not exist.",
                      "Create the slot with \"outbox-relay setup --slot\", or take its name out of \"outbox.slots\".");
    case SLOT_FOREIGN:
        return refuse("The setting \"outbox.slots\" names the slot, which belongs to another database or another output plugin.",
                      "Name slots of this database; ALTER DATABASE ... SET gives each database a list of its own.");
    case SLOT_TEMPORARY:
        return refuse("The slot is temporary: it goes when its session ends, and the event would go with it.",
                      "Create a slot that stays with \"outbox-relay setup\".");
    case SLOT_INVALIDATED:
        return refuse(
            "The slot has been invalidated: the WAL it needs may be gone.",
            "Drop the slot and create it again with \"outbox-relay setup\"; what it had not delivered is lost. If nobody needs the slot, "
            "drop it, or name in \"outbox.slots\" those that must deliver.");
    case SLOT_UNFINISHED: return refuse("The slot is still being created.", "Retry the transaction.");
    }
    return {};
}

// From 19 on a slot raises the level by itself, so a level that is too low means that the slot is missing. emit therefore checks the slot
// first.
Refusal level_refusal() {
    if (XLogLogicalInfoActive())
        return {};
    return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the event would be lost because the effective \"wal_level\" is below \"logical\"",
            nullptr, OUTBOX_WAL_LEVEL_HINT};
}

FullTransactionId looked_up_in = {0};

// The verdict for the current transaction. `*first`: the slots were looked up now, for the first time in the transaction.
const Verdict *verdict_of_transaction(bool *first) {
    static Verdict verdict;

    FullTransactionId transaction = GetTopFullTransactionId();
    *first = !FullTransactionIdEquals(looked_up_in, transaction);
    if (*first) {
        verdict = look_up();
        looked_up_in = transaction;
    }
    return &verdict;
}

} // namespace

void slot_require(MissingSlot missing_slot) {
    bool first;
    const Verdict *verdict = verdict_of_transaction(&first);
    if (verdict->state != SLOT_DELIVERABLE) {
        if (missing_slot == MISSING_SLOT_ERROR)
            refusal_raise(ERROR, refusal_of(verdict));
        if (missing_slot == MISSING_SLOT_WARNING && first)
            refusal_raise(WARNING, refusal_of(verdict));
    }
    if (!XLogLogicalInfoActive())
        refusal_raise(ERROR, level_refusal());
}

bool slot_can_deliver() {
    bool first;
    return verdict_of_transaction(&first)->state == SLOT_DELIVERABLE && XLogLogicalInfoActive();
}

Refusal slot_refusal(NameData *slot) {
    Verdict verdict = look_up();
    if (verdict.state == SLOT_DELIVERABLE)
        return level_refusal();
    *slot = verdict.slot;
    return refusal_of(&verdict);
}

const char *slot_state(const NameData *name) {
    LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
    SlotState state = state_of_named(name);
    LWLockRelease(ReplicationSlotControlLock);
    switch (state) {
    case SLOT_DELIVERABLE: return "ready";
    case SLOT_TEMPORARY: return "temporary";
    case SLOT_UNFINISHED: return "unfinished";
    case SLOT_INVALIDATED: return "invalidated";
    case SLOT_MISSING: return "missing";
    case SLOT_FOREIGN: return "foreign";
    }
    return nullptr;
}

XLogRecPtr slot_delivered_up_to() {
    XLogRecPtr least = PG_UINT64_MAX;
    ReplicationSlotPersistentData slot;

    LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
    Verdict verdict = *outbox_slots == '\0' ? judge_all() : judge_named(outbox_slots);
    for (int i = 0; verdict.state == SLOT_DELIVERABLE && next_slot(&i, &slot);)
        if (state_of(&slot) == SLOT_DELIVERABLE && must_deliver(&slot.name))
            least = Min(least, slot.confirmed_flush);
    LWLockRelease(ReplicationSlotControlLock);
    if (verdict.state != SLOT_DELIVERABLE)
        refusal_raise(ERROR, refusal_of(&verdict));
    return least;
}

void slot_names_changed(const char *, void *) { looked_up_in = InvalidFullTransactionId; }

bool slot_names_are_valid(char **names, void **, GucSource) {
    constexpr const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789_";

    if (**names == '\0')
        return true;
    for (const char *rest = *names;; rest++) {
        rest += strspn(rest, " ");
        size_t size = strspn(rest, allowed);
        if (size == 0 || size >= NAMEDATALEN)
            break;
        rest += size;
        rest += strspn(rest, " ");
        if (*rest == '\0')
            return true;
        if (*rest != ',')
            break;
    }
    GUC_check_errdetail("Expected names of replication slots separated by commas: lower-case letters, digits and \"_\".");
    return false;
}
