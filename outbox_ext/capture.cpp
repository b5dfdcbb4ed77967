#include "capture.h"

#include "json.h"
#include "settings.h"

#include <cstring>

extern "C" {
PG_FUNCTION_INFO_V1(outbox_captured_lines);
}

namespace {

struct Captured {
    SubTransactionId level; // the subtransaction that the event goes with
    char *line;
    size_t size;
};

// The events in the order of emission, so those of the current subtransaction are the last ones.
MemoryContext memory = nullptr;
Captured *events = nullptr;
int count = 0, room = 0;
int committed = 0; // the first events are those of committed transactions
size_t bytes = 0;

void drop_down_to(int rest) {
    while (count > rest) {
        bytes -= events[--count].size;
        pfree(events[count].line);
    }
    committed = Min(committed, count);
}

void transaction_ended(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_COMMIT:
        if (outbox_capture == CAPTURE_SESSION)
            committed = count;
        drop_down_to(committed);
        break;
    case XACT_EVENT_PREPARE: // the events go with the prepared transaction, which is no longer this session's
    case XACT_EVENT_ABORT: drop_down_to(committed); break;
    default: break;
    }
}

void subtransaction_ended(SubXactEvent event, SubTransactionId level, SubTransactionId parent, void *) {
    if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
        return;
    int first = count;
    while (first > committed && events[first - 1].level == level)
        first--;
    if (event == SUBXACT_EVENT_ABORT_SUB)
        return drop_down_to(first);
    for (int i = first; i < count; i++)
        events[i].level = parent;
}

void make_ready() {
    if (memory == nullptr) {
        RegisterXactCallback(transaction_ended, nullptr);
        RegisterSubXactCallback(subtransaction_ended, nullptr);
        memory = AllocSetContextCreate(TopMemoryContext, "outbox.capture", ALLOCSET_DEFAULT_SIZES);
    }
    if (events == nullptr) {
        events = static_cast<Captured *>(MemoryContextAlloc(memory, 64 * sizeof(Captured)));
        room = 64;
    } else if (count == room) {
        events = static_cast<Captured *>(repalloc(events, static_cast<size_t>(room) * 2 * sizeof(Captured)));
        room *= 2;
    }
}

// Tells once per session, so that a setting for tests is not forgotten in production. The statement, which has the payload, stays out of
// the log.
void tell_once(bool is_logged) {
    static bool is_told = false;
    if (is_told)
        return;
    is_told = true;
    ereport(LOG_SERVER_ONLY, (errmsg("\"outbox.capture\" keeps the events of this session, for tests"),
                              is_logged ? 0 : errdetail("No replication slot can deliver the events, so none is written to the WAL."),
                              errhidestmt(true), errhidecontext(true)));
}

} // namespace

void capture_event(Text envelope, bool is_logged) {
    if (bytes + envelope.size > capture_max_bytes)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("\"outbox.capture\" keeps no more than 64 MB of events"),
                        errhint("SET outbox.capture = off forgets the events; the setting is meant for tests.")));
    make_ready();
    char *line = static_cast<char *>(MemoryContextAlloc(memory, envelope.size + 1));
    memcpy(line, envelope.data, envelope.size);
    line[envelope.size] = '\0';
    events[count++] = {GetCurrentSubTransactionId(), line, envelope.size};
    bytes += envelope.size;
    tell_once(is_logged);
}

void capture_changed(int capture, void *) {
    if (capture == CAPTURE_OFF)
        drop_down_to(0);
    else if (capture == CAPTURE_ON && committed > 0) {
        int kept = count - committed; // those of the current transaction
        for (int i = 0; i < committed; i++) {
            bytes -= events[i].size;
            pfree(events[i].line);
        }
        memmove(events, events + committed, static_cast<size_t>(kept) * sizeof(Captured));
        count = kept;
        committed = 0;
    }
}

// The kept envelopes, as an array of text. The server's own error would show a payload that jsonb cannot hold.
Datum outbox_captured_lines(FunctionCallInfo) {
    if (outbox_capture == CAPTURE_OFF)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no events are kept because \"outbox.capture\" is off"),
                        errhint("SET outbox.capture = on, before the events are emitted.")));
    Datum *lines = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(Max(count, 1))));
    for (int i = 0; i < count; i++) {
        if (json_has_nul(events[i].line, events[i].size))
            ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("the payload of event %d cannot be jsonb", i + 1),
                            errdetail("The payload has a \\u0000."), errhint("Emit the payload as bytea in tests that look at it.")));
        lines[i] = CStringGetTextDatum(pg_any_to_server(events[i].line, static_cast<int>(events[i].size), PG_UTF8));
    }
    PG_RETURN_ARRAYTYPE_P(construct_array(lines, count, TEXTOID, -1, false, TYPALIGN_INT));
}
