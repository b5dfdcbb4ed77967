#include "saved_position.h"

namespace {

constexpr int save_interval_ms = 1000;

struct SavedPosition {
    bool is_active;         // a reader reads a slot
    XLogRecPtr marked;      // the confirmed position when the slot was last marked dirty
    XLogRecPtr first, last; // the ends of the transactions that no saved position covers; invalid: there are none
    TimestampTz saved_at;
};

SavedPosition state; // a walsender reads one slot at a time

// ---- saving ---------------------------------------------------------------------------------------------------------

bool has_events_before(XLogRecPtr confirmed) { return state.first != InvalidXLogRecPtr && state.first <= confirmed; }

void save(XLogRecPtr confirmed) {
    ReplicationSlotMarkDirty();
    ReplicationSlotSave();
    state.first = state.last > confirmed ? confirmed + 1 : InvalidXLogRecPtr;
    state.marked = confirmed;
    state.saved_at = GetCurrentTimestamp();
}

void save_now() {
    if (!state.is_active || MyReplicationSlot == nullptr)
        return;
    XLogRecPtr confirmed = MyReplicationSlot->data.confirmed_flush; // no other process writes it while the slot is read
    if (has_events_before(confirmed))
        save(confirmed);
}

int wait_ms() { // until the next save is due; zero also when the clock was set back
    TimestampTz now = GetCurrentTimestamp();
    int64 passed_ms = (now - state.saved_at) / 1000;
    return passed_ms < 0 || passed_ms >= save_interval_ms ? 0 : static_cast<int>(save_interval_ms - passed_ms);
}

// ---- the replaced flush ---------------------------------------------------------------------------------------------

// ProcessRepliesIfAny reads the confirmations of a walsender's client. In each of the walsender's loops (WalSndLoop, WalSndWaitForWal,
// ProcessPendingWrites) pq_flush_if_writable runs after ProcessRepliesIfAny, whether the walsender is busy or idle; the server calls
// pq_flush_if_writable through PqCommMethods, where the extension replaces the function. A timer wakes a walsender that sleeps when a save
// is due.
//
// Depends on the walsender alone calling pq_flush_if_writable, after ProcessRepliesIfAny in each of these loops; checked on 14 to 19.
// test/t/081_restart.t fails when that breaks.
const PQcommMethods *server_methods;
PQcommMethods methods;
TimeoutId timer;

void wake_up() {} // handle_sig_alarm has set the latch

void save_if_due() {
    XLogRecPtr confirmed = MyReplicationSlot->data.confirmed_flush;
    if (!has_events_before(confirmed))
        return;
    if (confirmed != state.marked) { // so that a checkpoint saves the position as well
        ReplicationSlotMarkDirty();
        state.marked = confirmed;
    }
    int left_ms = wait_ms();
    if (left_ms == 0)
        save(confirmed);
    else if (!get_timeout_active(timer))
        enable_timeout_after(timer, left_ms);
}

int flush_if_writable() {
    int result = server_methods->flush_if_writable();
    if (state.is_active && MyReplicationSlot != nullptr)
        save_if_due();
    return result;
}

void on_exit(int, Datum) { save_now(); } // before the slot is released

void on_context_end(void *) { state.is_active = false; } // also after an error, when the slot is already released

void install() {
    if (server_methods != nullptr)
        return;
    timer = RegisterTimeout(USER_TIMEOUT, wake_up);
    before_shmem_exit(on_exit, 0);
    server_methods = PqCommMethods;
    methods = *server_methods;
    methods.flush_if_writable = flush_if_writable;
    PqCommMethods = &methods;
}

bool slot_is_dirty() {
    SpinLockAcquire(&MyReplicationSlot->mutex);
    bool dirty = MyReplicationSlot->dirty;
    SpinLockRelease(&MyReplicationSlot->mutex);
    return dirty;
}

} // namespace

void saved_position_start(LogicalDecodingContext *ctx) {
    if (!outbox_reads_for_walsender(ctx) || MyReplicationSlot->data.persistency != RS_PERSISTENT)
        return;
    install();
    // A position that an earlier session has marked dirty and not saved counts as one with events before it.
    XLogRecPtr unsaved = slot_is_dirty() ? MyReplicationSlot->data.confirmed_flush : InvalidXLogRecPtr;
    state = {true, InvalidXLogRecPtr, unsaved, unsaved, 0};

    MemoryContextCallback *end = static_cast<MemoryContextCallback *>(MemoryContextAllocZero(ctx->context, sizeof(MemoryContextCallback)));
    end->func = on_context_end;
    MemoryContextRegisterResetCallback(ctx->context, end);
}

void saved_position_sent(XLogRecPtr end) {
    if (state.first == InvalidXLogRecPtr)
        state.first = end;
    state.last = end;
}

void saved_position_stop() { save_now(); }
