// The functions in C behind the view outbox.status, and outbox.delivered(). They look at the same slots as emit, by the same code. Tested
// by sql/status.sql, test/t/130_status.t.
#include "event.h"
#include "pg.h"
#include "settings.h"
#include "slot.h"

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit_refusal);
PG_FUNCTION_INFO_V1(outbox_slot_state);
PG_FUNCTION_INFO_V1(outbox_delivered);
PG_FUNCTION_INFO_V1(outbox_wait_delivered);
}

namespace {

Refusal refusal_now(NameData *slot) {
    memset(slot, 0, sizeof(*slot));
    return RecoveryInProgress() ? event_recovery_refusal() : slot_refusal(slot);
}

// pg_current_wal_insert_lsn() names the first byte behind a page's header where the page before is full. The last record, which a slot can
// confirm, ends at the page's begin.
XLogRecPtr record_end(XLogRecPtr lsn) {
    if (XLogSegmentOffset(lsn, wal_segment_size) == SizeOfXLogLongPHD)
        return lsn - SizeOfXLogLongPHD;
    return lsn % XLOG_BLCKSZ == SizeOfXLogShortPHD ? lsn - SizeOfXLogShortPHD : lsn;
}

XLogRecPtr position_now() { return RecoveryInProgress() ? GetXLogReplayRecPtr(nullptr) : GetXLogInsertRecPtr(); }

// An interval beyond a thousand years counts as one of a thousand years: more does not fit into 64 bits.
TimestampTz after(const Interval *timeout) {
    constexpr int64 days_max = 365'000, day_us = USECS_PER_DAY;
    int64 days = Max(Min(static_cast<int64>(timeout->month) * DAYS_PER_MONTH + timeout->day, days_max), -days_max);
    int64 us = Max(Min(timeout->time, days_max * day_us), -days_max * day_us);
    return GetCurrentTimestamp() + days * day_us + us;
}

// A CALL within a transaction block, or from a function, cannot end the transaction, whose snapshot would stay.
void require_no_transaction(FunctionCallInfo fcinfo) {
    Node *context = fcinfo->context;
    if (context == nullptr || !IsA(context, CallContext) || reinterpret_cast<CallContext *>(context)->atomic)
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("outbox.wait_delivered() must not be called in a transaction"),
                        errhint("COMMIT first: what is not committed cannot be delivered.")));
}

// Waits until everything up to `lsn` is delivered. The pauses grow from 10 ms to 200 ms, since a slot tells nobody when it is confirmed.
void wait_for(XLogRecPtr lsn, TimestampTz deadline) {
    for (long pause_ms = 10; slot_delivered_up_to() < lsn; pause_ms = Min(pause_ms * 2, 200)) {
        if (GetCurrentTimestamp() >= deadline)
            ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("what was committed before this position is not delivered in time"),
                            errhint("The view outbox.status shows how far the slots are, and whether a relay reads them.")));
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

} // namespace

// The row (accepts, slot, sqlstate, message, detail, hint): whether emit would accept an event now, and what is wrong. The text columns are
// null where nothing is wrong. With "outbox.missing_slot" as "warning" or "ignore" emit accepts although something is wrong.
Datum outbox_emit_refusal(PG_FUNCTION_ARGS) {
    TupleDesc description;
    if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE || description->natts != 6)
        elog(ERROR, "outbox.emit_refusal() must return six columns");
    NameData slot;
    Refusal refusal = refusal_now(&slot);
    bool is_tolerated =
        refusal.sqlstate == ERRCODE_UNDEFINED_OBJECT && outbox_missing_slot != MISSING_SLOT_ERROR && XLogLogicalInfoActive();
    Datum values[6] = {BoolGetDatum(refusal.sqlstate == 0 || is_tolerated)};
    bool nulls[6] = {false, true, true, true, true, true};
    auto set = [&](int column, const char *text) {
        nulls[column] = text == nullptr;
        if (text != nullptr)
            values[column] = CStringGetTextDatum(text);
    };
    if (*NameStr(slot) != '\0') {
        nulls[1] = false;
        values[1] = NameGetDatum(&slot);
    }
    if (refusal.sqlstate != 0) {
        set(2, unpack_sql_state(refusal.sqlstate));
        set(3, refusal.message);
        set(4, refusal.detail);
        set(5, refusal.hint);
    }
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls)));
}

Datum outbox_slot_state(PG_FUNCTION_ARGS) { PG_RETURN_TEXT_P(cstring_to_text(slot_state(PG_GETARG_NAME(0)))); }

Datum outbox_delivered(PG_FUNCTION_ARGS) { PG_RETURN_BOOL(slot_delivered_up_to() >= record_end(PG_GETARG_LSN(0))); }

Datum outbox_wait_delivered(PG_FUNCTION_ARGS) {
    require_no_transaction(fcinfo);
    XLogRecPtr lsn = record_end(PG_ARGISNULL(0) ? position_now() : PG_GETARG_LSN(0));
    if (PG_ARGISNULL(1))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("timeout must not be null"),
                        errhint("Give an interval, for example '10 seconds'.")));
    TimestampTz deadline = after(PG_GETARG_INTERVAL_P(1));
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    SPI_commit();            // from here on the session has no snapshot
    SPI_start_transaction(); // SPI_commit() does so itself, but for the first minors of 14
    wait_for(lsn, deadline);
    SPI_finish();
    PG_RETURN_VOID();
}
