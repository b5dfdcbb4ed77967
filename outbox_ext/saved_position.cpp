#include "saved_position.h"

namespace {

constexpr int save_interval_ms = 1000;

struct SavedPosition {
    bool is_active;         // a slot is being read
    XLogRecPtr marked;      // the slot is marked dirty since this position was confirmed
    XLogRecPtr first, last; // the events that no saved position covers; invalid: there are none
    TimestampTz saved_at;
};

SavedPosition state; // of the one slot that a walsender can read

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

int wait_ms() { // zero also when the clock has gone back
    TimestampTz now = GetCurrentTimestamp();
    int64 passed_ms = (now - state.saved_at) / 1000;
    return passed_ms < 0 || passed_ms >= save_interval_ms ? 0 : static_cast<int>(save_interval_ms - passed_ms);
}

// ---- where it runs --------------------------------------------------------------------------------------------------

// A walsender reads what its client confirms in ProcessRepliesIfAny. What runs after that in each of its loops (WalSndLoop,
// WalSndWaitForWal, ProcessPendingWrites), busy or idle, is pq_flush_if_writable, which the server calls by a pointer so that it can be
// replaced; and nothing else calls it. The timer wakes a walsender that has nothing else to do. Checked on 14 to 19.
const PQcommMethods *server_methods;
PQcommMethods methods;
TimeoutId timer;

void wake_up() {} // handle_sig_alarm has set the latch

void save_if_due() {
    XLogRecPtr confirmed = MyReplicationSlot->data.confirmed_flush;
    if (!has_events_before(confirmed))
        return;
    if (confirmed != state.marked) { // whoever saves the slot first
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

void on_context_end(void *) { state.is_active = false; } // also by an error, where the slot is released already

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
    // What an earlier session has marked and not saved is saved at once.
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
