// outbox.emit_many(): one event for each element of an array of payloads. The function saves calls; in the WAL each event is a message of
// its own, as emit writes it. An error is about one element, whose number stands in the context, and undoes all events of the call. Tested
// by sql/emit_many.sql.
#include "event.h"
#include "pg.h"

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit_many);
}

namespace {

enum Position { ARG_TOPIC, ARG_KEYS, ARG_PAYLOADS, ARG_TYPES, ARG_HEADERS };

// The elements of an array argument. A null argument has null for each element.
struct Elements {
    Oid type = TEXTOID;
    int count = -1; // of a null argument
    Datum *values = nullptr;
    bool *nulls = nullptr;

    Argument at(int i) const { return count < 0 ? Argument{0, type, true} : Argument{values[i], type, nulls[i]}; }
};

Elements elements(FunctionCallInfo fcinfo, Position position, const char *name) {
    Elements found;
    if (PG_ARGISNULL(position))
        return found;
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(position);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must be an array of one dimension", name),
                        errhint("Pass JSON arrays as JSON text, an element each.")));
    found.type = ARR_ELEMTYPE(array);
    int16 size;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(found.type, &size, &by_value, &alignment);
    deconstruct_array(array, found.type, size, by_value, alignment, &found.values, &found.nulls, &found.count);
    return found;
}

void require_count(const Elements &given, int count, const char *name) {
    if (given.count >= 0 && given.count != count)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must have as many elements as payloads", name),
                        errdetail("There are %d payloads and %d %s.", count, given.count, name),
                        errhint("Give an element for each payload, which may be NULL, or NULL in place of the array.")));
}

struct Progress {
    int event;
    int count;
};

void tell_place(void *argument) {
    const Progress *progress = static_cast<Progress *>(argument);
    errcontext("event %d of %d", progress->event + 1, progress->count);
}

} // namespace

Datum outbox_emit_many(PG_FUNCTION_ARGS) {
    Elements payloads = elements(fcinfo, ARG_PAYLOADS, "payloads");
    if (payloads.count < 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("payloads must not be null"),
                        errhint("The array of payloads says how many events there are; its elements may be NULL.")));
    Elements keys = elements(fcinfo, ARG_KEYS, "keys"), types = elements(fcinfo, ARG_TYPES, "types");
    Elements headers = elements(fcinfo, ARG_HEADERS, "headers");
    require_count(keys, payloads.count, "keys");
    require_count(types, payloads.count, "types");
    require_count(headers, payloads.count, "headers");

    pg_uuid_t *ids = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t) * static_cast<size_t>(Max(payloads.count, 1))));
    Datum *results = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(Max(payloads.count, 1))));
    Progress progress = {0, payloads.count};
    ErrorContextCallback callback = {error_context_stack, tell_place, &progress};
    error_context_stack = &callback;
    MemoryContext one_event = AllocSetContextCreate(CurrentMemoryContext, "outbox.emit_many", ALLOCSET_DEFAULT_SIZES);
    for (int &i = progress.event; i < payloads.count; i++) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext before = MemoryContextSwitchTo(one_event);
        Event event = {{PG_GETARG_DATUM(ARG_TOPIC), TEXTOID, PG_ARGISNULL(ARG_TOPIC)},
                       keys.at(i),
                       payloads.at(i),
                       types.at(i),
                       headers.at(i),
                       nullptr};
        event_emit(event, &ids[i]);
        results[i] = UUIDPGetDatum(&ids[i]);
        MemoryContextSwitchTo(before);
        MemoryContextReset(one_event);
    }
    error_context_stack = callback.previous;
    PG_RETURN_ARRAYTYPE_P(construct_array(results, payloads.count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}
